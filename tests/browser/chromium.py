"""Chromium, driven from outside and offline."""

import json
import shutil
from pathlib import Path

import axe_playwright_python
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
DESK, PHONE = (1440, 900), (390, 844)


class Browser:
    """Chromium with one page at a time."""

    def __init__(self, downloads: Path):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ("--headless=new", "--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"):
            options.add_argument(argument)
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.downloads = downloads
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))

    def open(
        self,
        path: Path,
        *,
        size: tuple[int, int] = DESK,
        address: str = "",
        scheme: str = "light",
        media: str = "screen",
    ) -> "Browser":
        """Open a page in a window of a size, and wait until its script, if it has one, has all images.

        It is shown in a colour scheme (light, dark), on a screen or in print.
        """
        self.size(size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
        self.driver.get("about:blank")
        self.driver.get_log("performance"), self.driver.get_log("browser")
        self.driver.get(path.as_uri() + address)
        done = "return !document.getElementById('facts') || document.body.dataset.ready === 'yes'"
        WebDriverWait(self.driver, 60).until(lambda driver: driver.execute_script(done))
        return self

    def size(self, size: tuple[int, int]) -> None:
        """Make the page this wide and high."""
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def run(self, script: str, *arguments):
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def element(self, identifier: str):
        """The element with this id."""
        return self.driver.find_element("id", identifier)

    def choose(self, identifier: str, value: str) -> None:
        """Choose an option as a user does."""
        self.element(identifier).find_element("css selector", f"option[value='{value}']").click()

    def picture(self) -> str:
        """The image as it is painted."""
        return self.run("return document.getElementById('canvas').toDataURL()")

    def lines(self) -> dict[str, list[str]]:
        """The cells of each line in the table of the chart, by name."""
        rows = self.driver.find_elements("css selector", "#lines tbody tr")
        cells = [[cell.text for cell in row.find_elements("tag name", "td")] for row in rows]
        return {row[1].replace("✕", "").strip(): row[2:] for row in cells}

    def violations(self) -> list[str]:
        """What axe finds wrong."""
        self.run(AXE.read_text())
        found = self.driver.execute_async_script("axe.run().then(arguments[0])")
        return [
            f"{one['id']}: {one['help']}: {[node['html'][:120] for node in one['nodes'][:3]]}"
            for one in found["violations"]
        ]

    def requests(self) -> list[str]:
        """The addresses that were asked for since the page was opened, but for data within it."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith("data:")]

    def complaints(self) -> list[str]:
        """What the page wrote to the console."""
        return [entry["message"] for entry in self.driver.get_log("browser")]
