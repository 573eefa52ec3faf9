"""Updates services made from a template: one, or all of an organization's."""
