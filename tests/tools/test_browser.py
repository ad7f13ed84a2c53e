"""Where there is no browser, its tests are skipped aloud, or fail where one was promised."""

import pytest

from tests.tools.browser import require_browser


@pytest.mark.parametrize(("promised", "outcome"), [("", pytest.skip), ("1", pytest.fail)])
def test_without_a_browser(monkeypatch, promised, outcome):
    monkeypatch.setenv("PIXACE_TEST_BROWSER", "no-such-browser")
    monkeypatch.setenv("PIXACE_REQUIRE_BROWSER", promised)
    with pytest.raises(outcome.Exception, match="apt-get install chromium"):
        require_browser()
