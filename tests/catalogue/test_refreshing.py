"""A refresh asks, compares and reports; it never changes a file, and a silent service is no fault of a work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from earnest.catalogue.refreshing import refresh
from earnest.catalogue.work import Work

PAPERS = {
    "2501.00001": ("Ears: a Study of Hearing", "2025-01-02"),
    "2501.00002": ("Something Else Altogether", "2025-01-05"),
    "2501.00003": ("A Retitled Paper", "2025-01-09"),
}


class Service(BaseHTTPRequestHandler):
    """Answers as arXiv and OpenAlex do, over what `PAPERS` holds."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/arxiv":
            names = [name for name in parse_qs(url.query)["id_list"][0].split(",") if name in PAPERS]
            entries = "".join(
                f"<entry><id>http://arxiv.org/abs/{name}v2</id><title>{PAPERS[name][0]}</title>"
                f"<published>{PAPERS[name][1]}T10:00:00Z</published></entry>"
                for name in names
            )
            self._send(f'<feed xmlns="http://www.w3.org/2005/Atom">{entries}</feed>')
        elif url.path == "/openalex/doi:10.1000/known":
            self._send('{"title": "Known by DOI", "publication_year": 2019}')
        else:
            self.send_error(503 if "busy" in url.path else 404)

    def do_HEAD(self) -> None:
        self.send_response(200 if self.path == "/page" else 404)
        self.end_headers()

    def _send(self, text: str) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def work(key: str, title: str, issued: str = "2025-01-02", **fields) -> Work:
    return Work.model_validate({"id": key, "title": title, "issued": issued, "kind": "study"} | fields)


def test_what_holds_what_differs_and_what_is_gone(service):
    works = [
        work("a2025-ears", "Ears: A Study of Hearing", ids={"arxiv": "2501.00001"}),
        work("b2025-other", "Not that Title", "2025-01-05", ids={"arxiv": "2501.00002"}),
        work("c2025-old", "The Old Title", "2025-01-08", also_titled=["A retitled paper"], ids={"arxiv": "2501.00003"}),
        work("d2025-none", "Never Given", ids={"arxiv": "2501.09999"}),
        work("e2020-doi", "Known by DOI", "2020-05-01", ids={"doi": "10.1000/known"}),
        work("f2020-doi", "Unknown", "2020-05-01", ids={"doi": "10.1000/unknown"}),
        work("g2020-bare", "No id at all", "2020-05-01"),
    ]
    report = refresh(works, arxiv=f"{service}/arxiv", openalex=f"{service}/openalex", pause_s=0)
    assert {finding.work: finding.status for finding in report.findings} == {
        "a2025-ears": "holds",
        "b2025-other": "differs",
        "c2025-old": "differs",
        "d2025-none": "gone",
        "e2020-doi": "differs",
        "f2020-doi": "gone",
    }
    what = {finding.work: finding.what for finding in report.findings}
    assert what["b2025-other"] == "titled 'Something Else Altogether' there"
    assert what["c2025-old"] == "issued 2025-01-08 here, 2025-01-09 there"  # a former title is no fault
    assert what["e2020-doi"] == "of 2020 here, of 2019 there"
    assert report.n_faults == 5 and "1 holds, 3 differs, 2 gone, 0 not asked" in report.as_markdown()
    assert "a2025-ears" not in report.as_markdown()


def test_a_service_that_does_not_answer_is_no_fault_of_the_work(service):
    works = [
        work("a2025-ears", "The Ears", ids={"arxiv": "2501.00001"}),
        work("e2020-doi", "Doi", "2020-05-01", ids={"doi": "10.1000/x"}),
    ]
    report = refresh(works, arxiv=f"{service}/busy", openalex=f"{service}/busy", pause_s=0)
    assert {finding.status for finding in report.findings} == {"not_asked"} and report.n_faults == 0


def test_links_are_asked_for_their_head(service, monkeypatch):
    works = [
        work("a2025-page", "Page", ids={"url": "https://a.example/page"}),
        work("b2025-gone", "Gone", ids={"url": "https://a.example/no"}),
    ]
    monkeypatch.setattr(
        "earnest.catalogue.work.Ids.link", property(lambda ids: ids.url.replace("https://a.example", service))
    )
    assert [f.status for f in refresh(works, pause_s=0).findings] == ["gone", "holds"]
