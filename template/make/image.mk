# The image: docs/image.md. CI runs these targets.
IMAGE ?= service:local
# What reads everything is pinned; an update of the template brings newer ones.
SYFT := anchore/syft:v1.51.1@sha256:95fe0835e5bebc6f8b1f8acef68d47d63d594ef4c0f25c097ff853b23cbac74c
GRYPE := anchore/grype:v0.118.0@sha256:8a93fc48da96bd6ec5981279d099b69de11541dc68fdf222fb9161f8ff284af7
# A URL of a remote may have a token in it.
LABELS = --label org.opencontainers.image.revision="$$(git rev-parse HEAD)" \
	--label org.opencontainers.image.created="$$(git log -1 --format=%cI)" \
	--label org.opencontainers.image.source="$$(git remote get-url origin | sed -E 's,//[^/]+@,//,')"
# Beside the image, where it is published.
CACHE = type=registry,ref=$(shell echo '$(IMAGE)' | sed -E 's,:[^:/]*$$,,'):cache
# The shell reads TAG, not make, which would expand a dollar. A git tag may have what a tag of an image may not.
AS_TAG = $$(printf %s "$${TAG:-$$(git rev-parse HEAD)}" | LC_ALL=C sed -E 's,[^A-Za-z0-9_.-],-,g; s,^[.-]+,,' | cut -c 1-128)
HERE := --rm --volume "$(CURDIR):/here" --workdir /here

.PHONY: image image-sbom image-scan image-publish

image: ## Build the image, with the commit in its labels (IMAGE=name:tag)
	@docker buildx build --load $(LABELS) $(if $(filter true,$(PUBLISH_IMAGE)),--cache-from $(CACHE)) --tag "$(IMAGE)" .

image-sbom: ## Write sbom.cdx.json, which lists what the image holds (CycloneDX)
	@docker save --output image.tar "$(IMAGE)"
	@docker run $(HERE) $(SYFT) docker-archive:image.tar --output cyclonedx-json=sbom.cdx.json; \
		status=$$?; rm image.tar; exit $$status

image-scan: ## Fail when a newer package would mend a critical vulnerability of the image
	@docker run $(HERE) $(GRYPE) sbom:sbom.cdx.json --only-fixed --fail-on critical

image-publish: ## Build and push the image, with its SBOM and its provenance (IMAGE=registry/name TAG=v1.2)
	@docker buildx build --push $(LABELS) --cache-from $(CACHE) --cache-to $(CACHE),mode=max \
		--sbom=true --provenance=mode=max --tag "$(IMAGE):$(AS_TAG)" .
