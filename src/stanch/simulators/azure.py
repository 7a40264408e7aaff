"""All of simulated Azure together: one directory, one set of faults, every service at the host it has in real life."""

from __future__ import annotations

from stanch.simulators.azure_classic import NAME as CLASSIC
from stanch.simulators.azure_classic import ClassicAzure
from stanch.simulators.clock import Clock, utc_now
from stanch.simulators.directory import Directory
from stanch.simulators.entra import CLOUDS, Entra
from stanch.simulators.faults import Faults
from stanch.simulators.graph_api import NAME as GRAPH
from stanch.simulators.graph_api import Graph
from stanch.simulators.keyvault import NAME as VAULT
from stanch.simulators.keyvault import KeyVault
from stanch.simulators.server import Simulator
from stanch.simulators.tokens import Tokens
from stanch.simulators.wire import Application


class AzureSimulation:
    """The services and what they share.

    Args:
        clock: their time, before faults skew it.

    Attributes:
        faults: what goes wrong, for all of them.
        directory: who is registered.
        tokens: issues and reads access tokens.
        classic: classic service management.
        entra: cloud → its login service.
        graph: Microsoft Graph, for the keys of applications.
        key_vault: one vault, open to every tenant until its ``tenant`` is set.
        applications: host name → service; more may be added before `simulator` is called.
    """

    def __init__(self, *, clock: Clock = utc_now) -> None:
        self.faults = Faults()
        self.directory = Directory(faults=self.faults, clock=clock)
        self.tokens = Tokens()
        self.classic = ClassicAzure(faults=self.faults, clock=clock)
        self.entra = {name: Entra(self.directory, cloud=name, tokens=self.tokens) for name in CLOUDS}
        self.applications: dict[str, Application] = {CLOUDS[name].login: login for name, login in self.entra.items()}
        self.applications[CLASSIC] = self.classic
        self.graph = Graph(self.directory, tokens=self.tokens)
        self.key_vault = KeyVault(self.tokens, faults=self.faults, clock=clock)
        self.applications |= {GRAPH: self.graph, VAULT: self.key_vault}
        self._clock = clock

    def simulator(self, *, port: int = 0) -> Simulator:
        """Return a server for the services, not yet started.

        Args:
            port: of the first service; the others follow. 0: any free ports.
        """
        return Simulator(self.applications, faults=self.faults, port=port, clock=self._clock)
