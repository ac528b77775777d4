# The image of one service: medtorch, one bundle, and the evidence that the two were verified in this very image.
#
#   make image SERVICE=nuclei-segmenter      lays out the context (build/image/context) and calls a container engine there
#
# Works unchanged with podman, buildah and docker (BuildKit). Needs no network: every distribution comes from wheels/, by digest.
ARG BASE_IMAGE=docker.io/library/python:3.11-slim-bookworm

# ---- deps: a virtual environment, made by a pip that stays behind --------------------------------------------------------
FROM ${BASE_IMAGE} AS deps
ARG PYTHON_VERSION=3.11
RUN python3 -c "import sys; found = '%d.%d' % sys.version_info[:2]; sys.exit(found != '${PYTHON_VERSION}' and 'the base image has Python ' + found + ', the wheels are for ${PYTHON_VERSION}')"
ENV SOURCE_DATE_EPOCH=0 PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 PIP_NO_INDEX=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# NumPy's own tests and its tools for Fortran and testing stay, as its record of files says, but are not compiled: no service imports them.
# The list of digests is what the build cache sees of the wheels: a mount is no part of its key.
COPY source/requirements/image.txt source/requirements/image-validate.txt wheels/SHA256SUMS /requirements/
RUN --mount=type=bind,source=wheels,target=/wheels \
    (cd /wheels && sha256sum --quiet --check /requirements/SHA256SUMS) \
 && python3 -m venv --without-pip /opt/medtorch \
 && pip="/opt/medtorch/bin/python $(echo /wheels/pip-*.whl)/pip install --no-compile --find-links /wheels" \
 && $pip --require-hashes -r /requirements/image.txt \
 && $pip --no-deps /wheels/medtorch-*.whl \
 && /opt/medtorch/bin/python -m compileall -q -x '/numpy/((.*/)?tests|f2py|testing)/' --invalidation-mode unchecked-hash /opt/medtorch/lib

# ---- tools: what the tests need, in an environment beside the one under test, which stays as it ships -----------------------
FROM deps AS tools
RUN --mount=type=bind,source=wheels,target=/wheels \
    python3 -m venv --without-pip /opt/tools \
 && /opt/tools/bin/python "$(echo /wheels/pip-*.whl)/pip" install --no-compile --find-links /wheels --no-deps --require-hashes -r /requirements/image-validate.txt \
 && echo /opt/medtorch/lib/python*/site-packages > "$(echo /opt/tools/lib/python*/site-packages)/medtorch.pth"

# ---- runtime: what will run ------------------------------------------------------------------------------------------------
FROM ${BASE_IMAGE} AS runtime
ARG SERVICE
ARG VERSION
ARG REVISION
ARG BASE_IMAGE
ARG BUNDLE_SHA256
COPY --from=deps /opt/medtorch /opt/medtorch
COPY bundle/ /opt/bundle/
ENV PATH=/opt/medtorch/bin:/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    MEDTORCH_BUNDLE=/opt/bundle MEDTORCH_BUNDLE_SHA256=${BUNDLE_SHA256}
LABEL org.opencontainers.image.title="${SERVICE}" \
      org.opencontainers.image.description="A medtorch service: ${SERVICE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      medtorch.bundle.sha256="${BUNDLE_SHA256}"
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["medtorch"]
CMD ["--help"]

# ---- validate: the runtime stage, tested as it is, as the user it will run as ------------------------------------------------
FROM runtime AS validate
ARG SERVICE
USER 0
RUN install -d -o 10001 -g 10001 /evidence /opt/source
USER 10001:10001
WORKDIR /opt/source
COPY --from=tools /opt/tools /opt/tools
COPY --chown=10001:10001 source/ ./
# What the image holds, before anything runs in it; the service measures the same at its start.
RUN /opt/tools/bin/python -m validation seal / --without /opt/tools --without /opt/source --without /evidence --out /evidence/content.json
# The tests name bundles of their own: the defaults of the service must not reach them.
ENV PATH=/opt/tools/bin:/opt/medtorch/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp MEDTORCH_SERVICE_BUNDLE=/opt/bundle MEDTORCH_BUNDLE= MEDTORCH_BUNDLE_SHA256=
# Evidence is made anew in every build, never taken from a cache: STARTED differs each time.
ARG STARTED
ARG BUNDLE_SHA256
RUN echo "validation of ${SERVICE}, started ${STARTED}"; if [ -f osv/all.zip ]; then set -- --osv osv/all.zip --osv-retrieved "$(cat osv/retrieved)"; fi; code=0; python -m validation run --service "${SERVICE}" --sha256 "${BUNDLE_SHA256}" --content /evidence/content.json "$@" --out /evidence/report || code=$?; echo "$code" > /evidence/exit_code; rm -rf /tmp/pytest-of-*

# ---- evidence: the report alone, for `--target evidence --output` ------------------------------------------------------------
FROM scratch AS evidence
COPY --from=validate /evidence/ /

# ---- gate: PASS (0) and INCOMPLETE (2) may go on, the report says which; anything else ends the build ------------------------
FROM validate AS gate
ARG SERVICE
# Digest of the report that was taken out before, where it was: the image must carry that very one.
ARG REPORT_SHA256
RUN if [ -n "${REPORT_SHA256}" ]; then echo "${REPORT_SHA256}  /evidence/report/report.json" | sha256sum --check; fi
RUN code="$(cat /evidence/exit_code)"; case "$code" in 0|2) ;; *) echo "validation of ${SERVICE} ended with exit code $code" >&2; exit 1 ;; esac

# ---- final -------------------------------------------------------------------------------------------------------------------
FROM runtime AS final
COPY --from=gate /evidence/report/ /opt/evidence/
# Empty where nobody has signed: `medtorch serve` then refuses to start.
COPY signatures/ /opt/evidence/signatures/
ENV MEDTORCH_EVIDENCE=/opt/evidence
