.PHONY: token

token: $(UV) ## Print an access token of the issuer of make dev (scope="items:read items:write")
	@$(RUN) python -m dev.issuer --scope "$(scope)" $(if $(subject),--subject "$(subject)")
