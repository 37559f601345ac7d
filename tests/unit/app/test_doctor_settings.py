"""The doctor reads the settings as a whole, and sees the links of the DAGs folder."""

from __future__ import annotations

from tests.unit.app.patient import Patient, only


def test_keys_that_nobody_knows_are_told(patient: Patient) -> None:
    (patient.home / "config.yaml").write_text("plugins: {deny: [x], bogus: }\nscheduler: {prot: 1}\n")
    found = patient.examine()
    file = str(patient.home / "config.yaml")
    assert [(one.check, one.severity, one.where) for one in found] == [("settings", "warning", file)] * 3
    assert [one.what.partition(": ")[2] for one in found] == [
        "unknown key `plugins.deny`",
        "unknown key `plugins.bogus`",
        "unknown key `scheduler.prot`. Did you mean `scheduler.port`?",
    ]
    assert found[0].what.startswith(f"{file}:1:17: ")


def test_old_spellings_and_odd_values_are_told(patient: Patient) -> None:
    (patient.home / "config.yaml").write_text("logFormat: yaml\n")
    patient.more["DAGU__DATA"] = str(patient.home / "data")
    told = [one.what for one in patient.examine()]
    assert len(told) == 2
    assert any("DAGU__DATA is deprecated" in one for one in told)
    assert any("the default is used" in one for one in told)


def test_a_value_that_is_refused_is_one_finding(patient: Patient) -> None:
    (patient.home / "config.yaml").write_text("queues: {config: [{name: a/b}]}\nport: many\n")
    found = patient.examine()
    assert [(one.check, one.severity) for one in found] == [("settings", "error")] * 2
    assert "queue name 'a/b' must be" in found[0].what and "valid integer" in found[1].what


def test_links_that_lead_nowhere(patient: Patient) -> None:
    link = patient.home / "dags" / "gone.yaml"
    link.symlink_to("/nowhere/x.yaml")
    one = only(patient.examine())
    assert (one.check, one.severity) == ("definitions", "warning")
    assert one.what == "1 link leads nowhere: gone.yaml to /nowhere/x.yaml"
    (patient.home / "dags" / "lost.yml").symlink_to("there")
    assert only(patient.examine()).what.startswith("2 links lead nowhere: gone.yaml to /nowhere/x.yaml, lost")
    link.unlink()
    (patient.home / "dags" / "there").write_text("steps: []\n")
    assert patient.examine() == []
