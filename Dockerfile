# An image that holds the workflow and its locked libraries. See docs/cloud.md.
# docker build -t gcov . && docker run --rm -v "$PWD:/data" -e EARTHDATA_TOKEN gcov --cores 4
ARG BASE=python:3.12-slim
FROM ${BASE}

COPY requirements.txt /opt/gcov/
RUN python3 -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --quiet --require-hashes -r /opt/gcov/requirements.txt

COPY Snakefile /opt/gcov/
COPY config /opt/gcov/config
COPY rules /opt/gcov/rules
COPY scripts /opt/gcov/scripts
COPY envs /opt/gcov/envs
COPY report /opt/gcov/report
COPY profiles /opt/gcov/profiles
COPY demo /opt/gcov/demo

# Any user may run it, also one without a name: what Snakemake and matplotlib keep goes to a folder that every user can
# write. Only HOME names it: Apptainer shares /tmp among the users of a machine, but gives each their own HOME.
ENV PATH=/opt/venv/bin:$PATH USER=gcov HOME=/tmp/home
RUN mkdir -p /tmp/home && chmod 1777 /tmp/home
WORKDIR /data
ENTRYPOINT ["snakemake", "--snakefile", "/opt/gcov/Snakefile", "--workflow-profile", "/opt/gcov/profiles/default"]
CMD ["--cores", "all"]
