"""By what a page knows its server again."""

from exptools.viewing.app.access import Access
from exptools.viewing.app.server import create_app
from tests.viewing.samples import indexed, write_sweep

TOKEN = "a-token-of-this-test"


def test_answers_name_what_is_served_and_strangers_do_not_learn_it(tmp_path):
    index = indexed(write_sweep(tmp_path / "outputs"))
    client = create_app(index, Access(token=TOKEN)).server.test_client()
    refused = client.get("/_alive")
    assert refused.status_code == 401
    assert "X-Served" not in refused.headers
    client.get(f"/?token={TOKEN}")
    answer = client.get("/_alive")
    assert answer.status_code == 204
    served = answer.headers["X-Served"]
    assert f'name="served" content="{served}"' in client.get("/").text
    again = create_app(indexed(*index.roots)).server.test_client()
    other = create_app(indexed(index.roots[0] / "0")).server.test_client()
    assert again.get("/_alive").headers["X-Served"] == served
    assert other.get("/_alive").headers["X-Served"] != served
