"""The report is one page with everything in it."""

import re
from html.parser import HTMLParser

import pytest
from support.trainer_runs import BREAST_CANCER, csv_text, make_run, mixed_csv

VOID = {"meta", "br", "link", "img", "path", "use", "rect", "line", "circle"}


class Page(HTMLParser):
    """Collects tags, attributes and text; notes tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        if tag not in VOID and (not self.open or self.open.pop() != tag):
            self.unbalanced.append(tag)

    def handle_data(self, data):
        self.text += data + " "


def check_page(text: str) -> Page:
    page = Page(text.replace("<wbr>", ""))  # Where a long name may break: no part of the text.
    assert page.unbalanced == []
    assert page.open == []
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    loaded = [value for name, value in page.attributes if name in ("src", "href", "xlink:href")]
    assert [value for value in loaded if not value.startswith("#")] == []
    assert not re.search(r"@import|url\((?!#)", text)
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert ("name", "viewport") in page.attributes
    return page


@pytest.mark.parametrize(
    ("estimator", "target", "shown"),
    [
        (
            "logistic_regression",
            "diagnosis",
            ("ROC curve", "Calibration", "Confusion matrix", "Coefficients", "malignant"),
        ),
        ("linear_regression", "price", ("Predicted and actual", "Residuals", "Coefficients", "Bern", "r2")),
        ("random_forest", "grade", ("ROC curve", "Calibration", "What the model relies on", "area_m2")),
    ],
)
def test_the_report_holds_everything_itself(estimator, target, shown, tmp_path, capsys):
    content = BREAST_CANCER.read_text() if target == "diagnosis" else mixed_csv(target)
    settings = {"estimator": estimator, "target": target}
    made = make_run(
        tmp_path,
        settings if estimator != "random_forest" else {**settings, "estimator.n_estimators": "5"},
        content,
    )
    assert made.train() == 0
    page = check_page((made.model_dir / "report.html").read_text())
    manifest = made.manifest()
    for text in (
        *shown,
        *manifest.metrics,
        *manifest.versions,
        manifest.data.sha256,
        "missing",
        "Largest difference",
    ):
        assert text in page.text
    assert page.tags.count("svg") >= 3
    # On a phone neither words nor numbers are cut in pieces; only hashes may break anywhere.
    assert (
        "table { border-collapse: collapse; font-variant-numeric: tabular-nums; overflow-wrap: break-word"
        in (made.model_dir / "report.html").read_text()
    )
    assert {("class", "number"), ("class", "hash")} <= set(page.attributes)


def test_names_from_the_data_cannot_become_markup_or_formulas(tmp_path, capsys):
    evil = '<script>alert("x")</script> & $\\frac$'
    rows = [[index % 7, f"{evil}{index % 3}", f"{evil}{index % 2}"] for index in range(60)]
    made = make_run(
        tmp_path, {"estimator": "logistic_regression", "target": evil}, csv_text(["x", "<b>", evil], rows)
    )
    assert made.train() == 0
    page = check_page((made.model_dir / "report.html").read_text())
    assert "<script>" in page.text
    assert "b" not in page.tags


def test_many_classes_leave_the_page_readable(tmp_path, capsys):
    rows = [[index % 30 + (index % 7) / 10, f"c{index % 30}"] for index in range(300)]
    made = make_run(tmp_path, {"estimator": "decision_tree", "target": "y"}, csv_text(["x", "y"], rows))
    assert made.train() == 0
    page = check_page((made.model_dir / "report.html").read_text())
    assert "The confusion matrix of 30 classes is in manifest.json." in page.text
