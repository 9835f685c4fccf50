"""The page is well-formed, needs nothing from outside, and shows everything that a report holds."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lectures.telling.formulas import FormulaError, formula
from lectures.telling.inline import inline
from lectures.telling.markdown import markdown
from lectures.telling.page import page
from lectures.telling.report import Number, Picture, Report, StepResult, Text
from lectures.telling.section import section

VOID = {"meta", "img", "br", "link"}


class Checker(HTMLParser):
    """Checks that tags nest and collects ids, links and attributes."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.tags = []
        self.text = ""

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def values(self, attribute):
        return [attributes[attribute] for _, attributes in self.tags if attribute in attributes]


def page_of(*reports, title="The tour"):
    level = 1 if len(reports) == 1 else 2
    return page(title, [section(report, level) for report in reports], reports)


def check(text):
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    return checker


@pytest.fixture
def report():
    step = StepResult(
        "draw",
        source="if a < b:\n    pass",
        numbers=[Number("gap to $x^*$", 0.1, "1e-01")],
        figures=[Picture("loss", 'The loss of $f$ & "more".', b"png", width=3.25)],
        seconds=1.5,
    )
    texts = [Text("# Title of $f$\nFirst words."), Text("## Part one\n\n## Part one")]
    return Report("small", "Title of $f$", Path("small/lecture.py"), "fast", 7, [texts[0], step, texts[1]])


def test_a_page_nests_properly_and_its_ids_are_unique(report):
    checker = check(page_of(report))
    ids = checker.values("id")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in checker.values("href")} <= set(ids)


def test_a_page_needs_no_network_and_no_script(report):
    text = page_of(report, Report("other", "Other"))
    checker = check(text)
    assert "script" not in {tag for tag, _ in checker.tags}
    assert all(source.startswith("data:image/png;base64,") for source in checker.values("src"))
    assert "@import" not in text
    assert "url(" not in text


def test_a_page_shows_title_contents_numbers_code_and_facts(report):
    checker = check(page_of(report))
    for shown in ("First words.", "1e-01", "if a < b:\n    pass", "Seed7", "Budgetfast"):
        assert shown in checker.text
    assert [tag for tag, _ in checker.tags].count("h1") == 1
    assert checker.values("alt") == ['The loss of $f$ & "more".']
    assert next(attributes["style"] for tag, attributes in checker.tags if tag == "img") == "width:50%"


def test_a_page_of_several_lectures_lists_them_and_lowers_their_headings(report):
    checker = check(page_of(report, Report("other", "Other lecture"), title="Two lectures"))
    assert checker.text.count("Two lectures") == 2
    headings = [(tag, attributes.get("id")) for tag, attributes in checker.tags if re.fullmatch("h[1-6]", tag)]
    expected = [("h1", None), ("h2", "small"), ("h3", "small-part-one"), ("h3", "small-part-one-2"), ("h2", "other")]
    assert headings[:-1] == expected


def test_an_error_is_shown_with_its_traceback(report):
    try:
        raise ValueError("a < b")
    except ValueError as error:
        report.error = error
    checker = check(page_of(report))
    assert "ValueError: a < b" in checker.text
    assert "test_page.py" in checker.text


def test_an_interruption_is_shown_without_a_traceback(report):
    report.error = KeyboardInterrupt()
    text = check(page_of(report)).text
    assert "stopped before its end" in text
    assert "Traceback" not in text


# Formulas


def test_a_formula_carries_its_source_and_takes_size_and_colour_from_the_text():
    checker = check(formula(r"a < \frac{b}{c}"))
    (tag, attributes), *paths = checker.tags
    assert (tag, attributes["role"], attributes["aria-label"]) == ("svg", "img", r"a < \frac{b}{c}")
    assert re.fullmatch(r"width:[\d.]+em;height:[\d.]+em;vertical-align:-[\d.]+em", attributes["style"])
    assert [tag for tag, _ in paths] == ["path"]


def depth(tex):
    return -float(re.search(r"vertical-align:(-?[\d.]+)em", formula(tex))[1])


def test_formulas_stand_on_the_baseline():
    assert depth("x") == pytest.approx(0, abs=0.03)
    assert depth("y") > 0.15
    assert depth(r"\frac{a}{b}") > depth("y")
    assert depth("{}^{*}") < -0.2


@pytest.mark.parametrize(
    "tex",
    [
        r"\max_{\|\delta\|_\infty \le \varepsilon} \ell(f_\theta(x + \delta), y)",
        r"\nabla_\theta \mathbb{E}_{x \sim p}\left[\log D(x)\right]",
        r"\operatorname*{argmin}_x \tfrac{1}{2} \lVert A x - b \rVert_2^2",
        r"\bigl( a \bigr) \ge \Big| b \Big| \implies \bm{w} \lt 1",
        r"\hat{y} = \text{softmax}(W x), \quad x \in \mathcal{X}",
    ],
)
def test_the_formulas_of_the_lectures_are_drawn(tex):
    check(formula(tex, display=True))


@pytest.mark.parametrize("tex", [r"\nonsense{x}", r"\frac{a", r"\quad", "a_", " "])
def test_a_wrong_formula_is_named(tex):
    with pytest.raises(FormulaError, match=re.escape(f"the formula ${tex}$")):
        formula(tex)


def test_a_wrong_formula_names_its_file():
    report = Report("small", "Small", Path("small/lecture.py"), parts=[Text(r"Text with $\nonsense$.")])
    with pytest.raises(FormulaError, match=r"small.lecture\.py: the formula \$\\nonsense\$"):
        section(report)


def test_a_comma_stays_with_its_formula():
    assert re.search(r'<span class="glued">\(<svg.*</svg>\),</span> then', inline("see ($x$), then"))
    assert "glued" not in inline("see $x$ then")


# Text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b & c", "a &lt; b &amp; c"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("**bold *and* it** `a*b*c`", "<strong>bold <em>and</em> it</strong> <code>a*b*c</code>"),
        ("``x`` and `a < b`", "<code>x</code> and <code>a &lt; b</code>"),
        ("snake_case_name and _this_", "snake_case_name and <em>this</em>"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        (r"costs \$5 and \$6", "costs $5 and $6"),
        ("between 5$ and 6 dollars", "between 5$ and 6 dollars"),
        ("[a *b*](https://x.org/?a=1&b=2)", '<a href="https://x.org/?a=1&amp;b=2">a <em>b</em></a>'),
        ("<https://x.org>", '<a href="https://x.org">https://x.org</a>'),
        ("[x](javascript:alert(1))", "x (javascript:alert(1))"),
        ('[x](https://x.org/"onclick=)', '<a href="https://x.org/&quot;onclick=">x</a>'),
    ],
)
def test_text_in_a_line(source, expected):
    assert inline(source) == expected


def test_stars_inside_a_formula_are_not_emphasis():
    text = inline("*the point $x^*$ is* here")
    assert text.startswith("<em>the point <svg")
    assert text.endswith("</svg> is</em> here")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("one\ntwo\n\nthree", "<p>one\ntwo</p>\n<p>three</p>"),
        ("text\n- a\n  more\n- b", "<p>text</p>\n<ul><li>a more</li><li>b</li></ul>"),
        ("- a\n  1. x\n  2. y\n- b", "<ul><li>a<ol><li>x</li><li>y</li></ol></li><li>b</li></ul>"),
        ("1. a\n\n2. b", '<ol><li>a</li></ol>\n<ol start="2"><li>b</li></ol>'),
        ("```python\nx < 1\n\n# y\n```\nend", "<pre><code>x &lt; 1\n\n# y</code></pre>\n<p>end</p>"),
        ("```\nnever closed", "<pre><code>never closed</code></pre>"),
        ("## Two words", '<h2 id="text-two-words">Two words</h2>'),
        ("> said", "<blockquote><p>said</p></blockquote>"),
        ("", ""),
    ],
)
def test_blocks(source, expected):
    assert markdown(source) == expected


def test_a_table_keeps_bars_inside_formulas():
    checker = check(markdown("| a | b |\n|---|:-:|\n| $|x|$ | `a|b` |"))
    cells = [tag for tag, _ in checker.tags if tag in ("th", "td")]
    assert cells == ["th", "th", "td", "td"]
    assert "a|b" in checker.text


def test_a_displayed_formula_may_take_several_lines():
    checker = check(markdown("Before\n\n$$\nx\n- y\n$$\n\nAfter"))
    assert [attributes.get("class") for tag, attributes in checker.tags if tag == "span"] == ["display"]
    assert checker.values("aria-label") == ["x - y"]
