"""The log of a job: what the user sees, what the file keeps, zarr's threads, and when garbage is collected."""

import os
import subprocess
import sys
import textwrap

import pytest
from helpers import REPO


def python(code: str) -> subprocess.CompletedProcess:
    """Code in a process of its own that can import the package."""
    command = [sys.executable, "-c", "import sys; sys.path.insert(0, 'scripts')\n" + textwrap.dedent(code)]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, encoding="utf-8")


def test_a_missing_file_is_one_line_and_a_traceback_in_the_log_file(tmp_path):
    done = python(f"""
        from gcov.log import job_log

        def deep():
            open("/none/such")

        with job_log("{tmp_path}/a.log", "one HHHH"):
            deep()
        """)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith("ERROR [one HHHH] No such file or directory: /none/such\n")
    kept = (tmp_path / "a.log").read_text(encoding="utf-8")
    assert kept.startswith(done.stderr)
    assert "Traceback" in kept and "in deep" in kept


@pytest.mark.parametrize("mistake", ["{}['key']", "raise OSError('a mistake')"])
def test_a_mistake_in_the_program_is_one_line_and_a_traceback_in_the_log_file(tmp_path, mistake):
    done = python(f"""
        from gcov.log import job_log

        def deep():
            {mistake}

        with job_log("{tmp_path}/a.log", "one"):
            deep()
        """)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"ERROR [one] unexpected error, please report it with {tmp_path}/a.log: " in done.stderr
    kept = (tmp_path / "a.log").read_text(encoding="utf-8")
    assert "Traceback" in kept and "in deep" in kept


def test_what_the_user_can_mend_is_one_line(tmp_path):
    done = python(f"""
        from gcov.errors import GcovError
        from gcov.log import job_log

        with job_log("{tmp_path}/a.log", "one"):
            raise GcovError("mend this")
        """)
    assert done.returncode == 1
    assert done.stderr.endswith("ERROR [one] mend this\n")
    assert (tmp_path / "a.log").read_text(encoding="utf-8") == done.stderr


def test_the_terminal_shows_warnings_and_what_is_meant_for_it(tmp_path):
    done = python(f"""
        from gcov.log import ON_TERMINAL, job_log, log

        with job_log("{tmp_path}/a.log", "one"):
            log.info("date 1 of 9")
            log.info("9 granules kept", extra=ON_TERMINAL)
            log.warning("no noise floor")
        """)
    kept = (tmp_path / "a.log").read_text(encoding="utf-8").splitlines()
    assert [line.partition("] ")[2] for line in kept] == ["date 1 of 9", "9 granules kept", "no noise floor"]
    assert done.stderr.splitlines() == kept[1:]


@pytest.mark.parametrize(("imported", "threads"), [("gcov.stores.store", "1"), ("gcov.files", "no zarr")])
def test_zarr_has_one_thread_in_a_job_that_uses_it(imported, threads, tmp_path):
    done = python(f"""
        import {imported}
        from gcov.log import job_log

        with job_log("{tmp_path}/a.log", "one"):
            zarr = sys.modules.get("zarr")
            print(zarr.config.get("threading.max_workers") if zarr else "no zarr")
        """)
    assert done.stdout.strip() == threads, done.stderr


def test_importing_the_package_leaves_zarr_as_it_is():
    done = python("""
        import zarr

        before = repr(zarr.config.config)
        import gcov.stores.store

        print(repr(zarr.config.config) == before)
        """)
    assert done.stdout.strip() == "True", done.stderr


@pytest.mark.parametrize("script", sorted((REPO / "scripts").glob("*.py")), ids=lambda path: path.stem)
def test_scripts_import_the_log_first(script):
    first = next(line for line in script.read_text(encoding="utf-8").splitlines() if "import " in line)
    assert first.startswith("from gcov.log import ")


@pytest.mark.parametrize("name", ["PROJ_DATA", "PROJ_LIB"])
def test_another_projs_data_do_not_take_away_the_crs(tmp_path, name):
    """Its variables are set by other installations of GDAL or PROJ; rasterio reads them when it is imported."""
    code = "from gcov.log import log\nimport rasterio.crs\nprint(rasterio.crs.CRS.from_epsg(32645).to_epsg())"
    environment = {**os.environ, "PYTHONPATH": str(REPO / "scripts"), name: str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["32645"], done.stderr
