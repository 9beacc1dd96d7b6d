"""A kind of import contract that import-linter lacks: only the standard library.

Its own ``forbidden`` contract wants every forbidden package by name, so a new dependency would
be allowed until somebody remembered to add it. This one starts from "none".
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Final, cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class StandardLibraryOnlyContract(Contract):
    """``package`` imports the standard library, its own project, and the listed exceptions.

    ``exceptions`` are written ``importing.module -> package``; one that no longer exists breaks
    the contract too, so that the list can only shrink by being true.
    """

    type_name: Final = "standard_library_only"

    package = fields.StringField()
    exceptions = fields.ListField(subfield=fields.StringField(), required=False, default=[])

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002 - the interface of import-linter
        """Compare the imports of third-party packages with the exceptions."""
        package = cast("str", self.package)
        project = package.partition(".")[0]
        found = {
            f"{module} -> {imported.partition('.')[0]}"
            for module in {package} | graph.find_descendants(package)
            for imported in graph.find_modules_directly_imported_by(module)
            if imported.partition(".")[0] not in sys.stdlib_module_names | {project}
        }
        allowed = set(cast("Iterable[str]", self.exceptions))
        return ContractCheck(
            kept=found == allowed,
            metadata={"uninvited": sorted(found - allowed), "gone": sorted(allowed - found)},
        )

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each import that has no exception, and each exception that has no import."""
        for line in check.metadata["uninvited"]:
            output.print_error(f"{line}: only the standard library may be imported here")
        for line in check.metadata["gone"]:
            output.print_error(f"{line}: this exception matches no import; remove it")
