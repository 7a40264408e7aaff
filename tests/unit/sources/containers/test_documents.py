from __future__ import annotations

import pytest

from stanch.sources.blob import IN_MEMORY, Blob
from stanch.sources.containers import expand
from stanch.sources.limits import Limits

from .builders import Files, opened, read, tar_of, zip_of

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:p="urn:p"'
O = 'xmlns:office="urn:o" xmlns:text="urn:t" xmlns:table="urn:b"'  # noqa: E741
TYPES = ("[Content_Types].xml", b"<Types/>")


def document(*parts: tuple[str, str]) -> bytes:
    return zip_of([TYPES, *((name, text.encode()) for name, text in parts)])


def text_of(data: bytes, path: str = "report") -> str:
    found, skipped = opened(data, path)
    assert skipped == []
    return found[f"{path}!text"].decode()


def word(body: str) -> bytes:
    return document(("word/document.xml", f"<w:document {W}><w:body>{body}</w:body></w:document>"))


def test_word_runs_are_joined_and_paragraphs_end():
    body = "<w:p><w:r><w:t>pass</w:t></w:r><w:r><w:rPr/><w:t>word</w:t></w:r></w:p>"
    body += "<w:p><w:r><w:t>next</w:t><w:br/><w:tab/></w:r></w:p>"
    assert text_of(word(body)) == "password\nnext\n\t\n"


def test_word_cells_end_with_a_tab_and_rows_with_a_newline():
    cell = "<w:tc><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:tc>"
    two = "<w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc>"
    assert (
        text_of(word(f"<w:tbl><w:tr>{cell.format('user')}{cell.format('key')}</w:tr><w:tr>{two}</w:tr></w:tbl>"))
        == "user\tkey\t\na\nb\t\n"
    )


def test_word_text_that_is_not_shown_at_once_is_there_too():
    paragraph = f"<w:p {W}><w:r><w:t>{{}}</w:t></w:r></w:p>"
    parts = ["document", "header1", "footer2", "footnotes", "comments"]
    data = document(
        *((f"word/{part}.xml", paragraph.format(part)) for part in parts), ("word/styles.xml", paragraph.format("no"))
    )
    assert sorted(text_of(data).split()) == sorted(parts)
    deleted = f"<w:p {W}><w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
    assert text_of(document(("word/document.xml", deleted))) == "gone\n"


def test_members_of_a_document_are_given_as_well():
    found, _ = opened(word("<w:p/>"), "report.docx")
    assert list(found) == ["report.docx![Content_Types].xml", "report.docx!word/document.xml", "report.docx!text"]


def test_text_is_marked_as_taken_out():
    marked = {item.path: item.text_of for item in expand(Blob(path="r", data=word("<w:p/>")), Limits()) if isinstance(item, Blob)}
    assert marked == {"r![Content_Types].xml": False, "r!word/document.xml": False, "r!text": True}


def test_workbook_rows_hold_shared_and_inline_texts():
    shared = f"<sst {S}><si><t>user</t></si><si><r><t>se</t></r><r><t>cret</t></r><rPh><t>no</t></rPh></si></sst>"
    row = (
        '<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c><c t="inlineStr"><is><t>in</t><t>line</t></is></c><c><v>42</v></c></row>'
    )
    sheet = f"<worksheet {S}><sheetData>{row}<row><c t='str'><f>A1</f><v>done</v></c></row></sheetData></worksheet>"
    data = document(("xl/workbook.xml", "<w/>"), ("xl/worksheets/sheet1.xml", sheet), ("xl/sharedStrings.xml", shared))
    assert text_of(data) == "user\tsecret\tinline\t42\t\ndone\t\n"


def test_workbook_comments_and_wrong_references_are_read():
    comments = f"<comments {S}><comment><text><r><t>note</t></r></text></comment></comments>"
    sheet = f'<worksheet {S}><row><c t="s"><v>7</v></c><c t="s"><v>-1</v></c><c t="s"><v>x</v></c></row></worksheet>'
    data = document(("xl/workbook.xml", "<w/>"), ("xl/comments1.xml", comments), ("xl/worksheets/sheet1.xml", sheet))
    assert sorted(text_of(data).splitlines()) == ["\t\t\t", "note"]


def test_slides_come_in_their_order():
    slides = [
        (f"ppt/slides/slide{number}.xml", f"<p:sld {A}><a:p><a:r><a:t>{number}</a:t></a:r></a:p></p:sld>")
        for number in (10, 9, 1)
    ]
    assert text_of(document(*slides)) == "1\n9\n10\n"


def odf(body: str) -> bytes:
    kind = ("mimetype", b"application/vnd.oasis.opendocument.text")
    return zip_of([kind, ("content.xml", f"<office:document-content {O}>{body}</office:document-content>".encode())])


def test_open_document_text_is_joined():
    body = "<text:h>Title</text:h><text:p>pass<text:span>word</text:span><text:tab/>x<text:s/>y<text:line-break/>z</text:p>"
    assert text_of(odf(body)) == "Title\npassword\tx y\nz\n"


def test_open_document_cells_end_with_a_tab():
    row = "<table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell/></table:table-row>"
    assert text_of(odf(f"<table:table>{row * 2}</table:table>")) == "a\t\t\na\t\t\n"


def test_document_inside_an_archive_gives_its_text():
    assert opened(tar_of([("r.docx", word("<w:p><w:r><w:t>x</w:t></w:r></w:p>"))]))[0]["outer!r.docx!text"] == b"x\n"


@pytest.mark.parametrize(
    "data", [zip_of([("content.xml", b"<a/>")]), zip_of([TYPES, ("a.xml", b"<a/>")]), zip_of([("word/document.xml", b"")])]
)
def test_other_zips_have_no_text(data):
    assert not any(path.endswith("!text") for path in opened(data)[0])


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "xml",
    [
        f"{BOMB}<w:document {W}><w:p><w:r><w:t>&b;</w:t></w:r></w:p></w:document>",
        f'<!DOCTYPE x SYSTEM "file:///etc/passwd"><w:p {W}/>',
        f"<w:p {W}><w:r><w:t>text</w:t></w:r>",
        "<a>" * 5_000,
        "",
        "\x00\x01",
    ],
    ids=["entities", "external", "cut", "deep", "empty", "binary"],
)
def test_hostile_xml_is_refused_and_the_member_still_scanned(xml):
    found, skipped = opened(
        document(("word/document.xml", xml), ("word/header1.xml", f"<w:p {W}><w:r><w:t>header</w:t></w:r></w:p>"))
    )
    assert found["outer!word/document.xml"] == xml.encode()
    assert [(problem.code, problem.path) for problem in skipped] == [("broken_archive", "outer!text")]
    assert b"header\n" in found["outer!text"]
    assert b"aaaa" not in found["outer!text"]


def test_endless_tag_is_refused():
    xml = f"<w:p {W} a='" + "x" * 3_000_000 + "'/>"
    _, skipped = opened(document(("word/document.xml", xml)))
    assert [(problem.code, problem.path) for problem in skipped] == [("broken_archive", "outer!text")]


def test_long_shared_text_is_not_multiplied():
    shared = f"<sst {S}><si><t>{'long ' * 1_000}</t></si></sst>"
    sheet = f"<worksheet {S}>" + '<row><c t="s"><v>0</v></c></row>' * 1_000 + "</worksheet>"
    data = document(("xl/workbook.xml", "<w/>"), ("xl/worksheets/sheet1.xml", sheet), ("xl/sharedStrings.xml", shared))
    assert text_of(data).count("long") == 1_000


def test_large_document_gives_its_text_as_a_stream():
    paragraph = "<w:p><w:r><w:t>" + "word " * 20_000 + "</w:t></w:r></w:p>"
    data = word(paragraph * (IN_MEMORY // 100_000 + 2))
    streamed = []
    for item in expand(Blob(path="r", data=data), Limits(ratio=10_000)):
        assert isinstance(item, Blob)
        content, problem = read(item)
        assert problem is None
        streamed.append((item.path, item.data is None, content.count(b"word ")))
    count = 20_000 * (IN_MEMORY // 100_000 + 2)
    assert streamed[1:] == [("r!word/document.xml", True, count), ("r!text", True, count)]


def test_part_that_is_encrypted_is_said():
    files: Files = [("mimetype", b"application/vnd.oasis.opendocument.text")]
    from .builders import zip_entry, zip_of_entries

    entries = [zip_entry(name.encode(), data) for name, data in files] + [zip_entry(b"content.xml", b"x" * 40, flags=1)]
    _, skipped = opened(zip_of_entries(entries))
    assert [(problem.code, problem.path) for problem in skipped] == [
        ("encrypted", "outer!content.xml"),
        ("broken_archive", "outer!text"),
    ]
