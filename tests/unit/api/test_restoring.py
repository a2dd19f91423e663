"""A backup is made fit for what runs: its processes know their ports, and nobody is forgotten."""

from headway.api.restoring import carried_ports


def test_what_runs_keeps_its_ports_and_the_rest_gets_free_ones_of_the_same_block() -> None:
    wanted = {"block": 10240, "entry": 10241, "web>stock": 10242, "web>ads": 10243}
    known = {"block": 20480, "web>stock": 20481, "web>mail": 20482}
    ports = carried_ports(wanted, known, 20480)
    assert ports["block"] == 20480
    assert ports["web>stock"] == 20481
    assert ports.keys() == wanted.keys()
    assert len(set(ports.values())) == len(ports)
    assert all(20480 <= port < 20544 for port in ports.values())


def test_the_same_ports_stay_the_same() -> None:
    wanted = {"block": 10240, "entry": 10241, "web>stock": 10242}
    assert carried_ports(wanted, wanted, 10240) == wanted
