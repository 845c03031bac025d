"""The rules of docs/architecture.md. Each is a function from a source tree to what breaks it there."""

import ast
import graphlib
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"twin": "twin", "models": "twin.models", "inference": "twin.inference", "case_studies": "twin.case_studies"}
LAYERS = ("twin.models", "twin.inference", "twin.case_studies")
MAY_IMPORT = {
    "twin": (),
    "twin.models": ("twin.models",),
    "twin.inference": ("twin.inference",),
    "twin.case_studies": LAYERS,
}
LONGEST_FILE, LONGEST_FUNCTION = 400, 60

Rule = Callable[[Path], list[str]]


def folders(root: Path) -> Iterator[tuple[Path, str]]:
    """Package folders with their import names; links are no folders of their own."""
    for top, name in PACKAGES.items():
        for path in [root / top, *sorted((root / top).rglob("*/"))]:
            linked = any(p.is_symlink() for p in (path, *path.parents) if root in p.parents)
            if not linked and any(path.glob("*.py")):
                yield path, ".".join([name, *path.relative_to(root / top).parts])


def modules(root: Path) -> dict[str, Path]:
    """Source files by import name."""
    found = {}
    for folder, package in folders(root):
        for path in sorted(folder.glob("*.py")):
            found[package if path.stem == "__init__" else f"{package}.{path.stem}"] = path
    return found


def imports(name: str, path: Path, known: set[str]) -> Iterator[tuple[int, str]]:
    """Lines and full names of all a module imports, wherever the statement stands."""
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package.split(".")[: len(package.split(".")) + 1 - node.level]) if node.level else ""
            origin = ".".join(part for part in (above, node.module or "") if part)
            for alias in node.names:
                full = f"{origin}.{alias.name}"
                yield node.lineno, full if full in known or full in LAYERS else origin


def layer_of(name: str) -> str:
    return next((layer for layer in LAYERS if within(name, layer)), "twin")


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def all_imports(root: Path) -> Iterator[tuple[str, str, str]]:
    """Module, "file:line" and imported name over the whole tree."""
    found = modules(root)
    for name, path in found.items():
        for line, imported in imports(name, path, set(found)):
            yield name, f"{path.relative_to(root)}:{line}", imported


def against_the_import_rule(root: Path) -> list[str]:
    return [
        f"{where} imports {imported}"
        for name, where, imported in all_imports(root)
        if layer_of(imported) != "twin" and layer_of(imported) not in MAY_IMPORT[layer_of(name)]
    ]


def jax_outside_inference(root: Path) -> list[str]:
    allowed = ("twin.inference", "twin.case_studies.benchmarks")
    return [
        f"{where} imports {imported}"
        for name, where, imported in all_imports(root)
        if imported.split(".")[0] in ("jax", "numpyro") and not any(within(name, a) for a in allowed)
    ]


def optimisers_outside_training(root: Path) -> list[str]:
    bad = [
        f"{where} imports {imported}"
        for name, where, imported in all_imports(root)
        if (within(imported, "torch.optim") or within(imported, "pytorch_optimizer"))
        and not within(name, "twin.training")
    ]
    for name, path in modules(root).items():
        nodes = [] if within(name, "twin.training") else ast.walk(ast.parse(path.read_text()))
        for node in nodes:
            if isinstance(node, ast.Attribute) and ast.unparse(node) == "torch.optim":
                bad.append(f"{path.relative_to(root)}:{node.lineno} uses torch.optim")
    return bad


def import_cycles(root: Path) -> list[str]:
    graph: dict[str, set[str]] = {name: set() for name in modules(root)}
    for name, _, imported in all_imports(root):
        if imported in graph and imported != name:
            graph[name].add(imported)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [" <- ".join(error.args[1])]
    return []


def sources(root: Path) -> list[Path]:
    return [*modules(root).values(), *sorted((root / "tests").rglob("*.py"))]


def long_files(root: Path) -> list[str]:
    lengths = {path: len(path.read_text().splitlines()) for path in sources(root)}
    return [f"{path.relative_to(root)}: {n} lines" for path, n in lengths.items() if n > LONGEST_FILE]


def long_functions(root: Path) -> list[str]:
    bad = []
    for path in sources(root):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    bad.append(f"{path.relative_to(root)}:{node.lineno} {node.name}: {length} lines")
    return bad


def prints_outside_the_command_line(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)}:{node.lineno}"
        for name, path in modules(root).items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        if not name.startswith("twin.case_studies.cli")
    ]


def packages_not_declared(root: Path) -> list[str]:
    declared = set(tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    present = {package: folder for folder, package in folders(root)}
    missing = [f"{package} is not in pyproject's packages" for package in present if package not in declared]
    gone = [f"{package} is in pyproject's packages but has no folder" for package in declared - set(present)]
    bare = [f"{folder} has no __init__.py" for folder in present.values() if not (folder / "__init__.py").exists()]
    return missing + sorted(gone) + bare


def wrong_links(root: Path) -> list[str]:
    bad = []
    for name in ("models", "inference", "case_studies"):
        link = root / "twin" / name
        if not link.is_symlink():
            bad.append(f"twin/{name} is no link")
        elif str(link.readlink()) != f"../{name}":
            bad.append(f"twin/{name} -> {link.readlink()}, expected ../{name}")
    return bad


def missing_from_the_wheel(root: Path, scratch: Path) -> list[str]:
    """Builds the wheel from a copy and lists the source and data files it lacks."""
    ignore = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__", "runs")
    copy = scratch / "copy"
    shutil.copytree(root, copy, symlinks=True, ignore=ignore)
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(scratch)], cwd=copy, check=True, capture_output=True)
    (wheel,) = scratch.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    expected = {name.replace(".", "/") + "/" + path.name for name, path in package_files(copy)}
    foreign = {name for name in packed if name.endswith(".py")} - expected
    return sorted(f"{name} is missing" for name in expected - packed) + sorted(foreign)


def package_files(root: Path) -> Iterator[tuple[str, Path]]:
    """Everything that must be installed: the sources and what lies in data folders beside them."""
    for folder, package in folders(root):
        for path in folder.iterdir():
            if path.is_file() and path.suffix in (".py", ".typed"):
                yield package, path
        for data in ("weights", "templates", "data"):
            yield from ((f"{package}.{data}", path) for path in (folder / data).glob("*") if path.is_file())


def test_each_layer_imports_only_what_it_may() -> None:
    assert against_the_import_rule(ROOT) == []


def test_jax_is_imported_in_inference_only() -> None:
    assert jax_outside_inference(ROOT) == []


def test_optimisers_are_used_in_training_only() -> None:
    assert optimisers_outside_training(ROOT) == []


def test_no_import_goes_round_in_a_circle() -> None:
    assert import_cycles(ROOT) == []


def test_no_file_is_longer_than_400_lines() -> None:
    assert long_files(ROOT) == []


def test_no_function_is_longer_than_60_lines() -> None:
    assert long_functions(ROOT) == []


def test_only_the_command_line_prints() -> None:
    assert prints_outside_the_command_line(ROOT) == []


def test_every_package_folder_is_declared() -> None:
    assert packages_not_declared(ROOT) == []


def test_the_three_links_are_relative_and_point_to_the_layers() -> None:
    assert wrong_links(ROOT) == []


def test_the_wheel_holds_every_source_and_data_file(tmp_path: Path) -> None:
    assert missing_from_the_wheel(ROOT, tmp_path) == []


GOOD = {
    "twin/__init__.py": "",
    "twin/space.py": "import torch\n",
    "twin/training/__init__.py": "import torch.optim\nfrom twin import space\n",
    "models/__init__.py": "",
    "models/cell.py": "from twin.space import Space\nfrom . import part\n",
    "models/part.py": "from twin import space\n",
    "inference/__init__.py": "import jax\nimport twin.space\n",
    "case_studies/__init__.py": "from twin.models import cell\nimport twin.inference\n",
    "case_studies/cli.py": "print(1)\n",
    "pyproject.toml": '[project]\nname = "t"\nversion = "1"\n[tool.setuptools]\npackages = '
    '["twin", "twin.training", "twin.models", "twin.inference", "twin.case_studies"]\n'
    '[tool.setuptools.package-dir]\n"twin" = "twin"\n"twin.models" = "models"\n'
    '"twin.inference" = "inference"\n"twin.case_studies" = "case_studies"\n',
}
BAD: list[tuple[Rule, str, str]] = [
    (against_the_import_rule, "twin/new.py", "from twin import models"),
    (against_the_import_rule, "twin/new.py", "def f():\n    import twin.inference.rungs.laplace"),
    (against_the_import_rule, "twin/training/new.py", "from ..models import cell"),
    (against_the_import_rule, "models/new.py", "from twin.inference import posterior"),
    (against_the_import_rule, "models/new.py", "from twin import inference as i"),
    (against_the_import_rule, "inference/new.py", "from twin.models.cell import x"),
    (against_the_import_rule, "inference/new.py", "import twin.case_studies.cli"),
    (jax_outside_inference, "models/new.py", "import jax.numpy as jnp"),
    (jax_outside_inference, "case_studies/new.py", "from numpyro import infer"),
    (optimisers_outside_training, "models/new.py", "from torch.optim import Adam"),
    (optimisers_outside_training, "twin/new.py", "import torch\ntorch.optim.Adam"),
    (optimisers_outside_training, "inference/new.py", "import pytorch_optimizer"),
    (import_cycles, "models/part.py", "from twin.models.cell import x"),
    (import_cycles, "twin/space.py", "def f():\n    from twin.training import x"),
    (long_files, "tests/test_new.py", "x = 1\n" * 401),
    (long_functions, "models/new.py", "def f():\n" + "    x = 1\n" * 60),
    (prints_outside_the_command_line, "twin/new.py", "print(1)"),
    (packages_not_declared, "models/flames/__init__.py", ""),
    (packages_not_declared, "models/flames/gas.py", ""),
]
RULES = sorted({rule for rule, _, _ in BAD}, key=lambda rule: rule.__name__)


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for name in ("models", "inference", "case_studies"):
        (root / "twin" / name).symlink_to(f"../{name}")
    return root


@pytest.mark.parametrize("rule", [*RULES, wrong_links])
def test_a_good_tree_breaks_no_rule(tmp_path: Path, rule: Rule) -> None:
    assert rule(tree(tmp_path, GOOD)) == []


@pytest.mark.parametrize(("rule", "name", "text"), BAD)
def test_a_bad_file_is_found(tmp_path: Path, rule: Rule, name: str, text: str) -> None:
    assert rule(tree(tmp_path, GOOD | {name: text})) != []


@pytest.mark.parametrize("target", ["../inference", "models", "/tmp", None])
def test_a_wrong_link_is_found(tmp_path: Path, target: str | None) -> None:
    link = tree(tmp_path, GOOD) / "twin" / "models"
    link.unlink()
    if target is not None:
        link.symlink_to(target)
    assert len(wrong_links(tmp_path)) == 1


def test_a_declared_package_without_a_folder_is_found(tmp_path: Path) -> None:
    shutil.rmtree(tree(tmp_path, GOOD) / "twin" / "training")
    assert packages_not_declared(tmp_path) == ["twin.training is in pyproject's packages but has no folder"]


def test_a_file_that_the_wheel_leaves_out_is_found(tmp_path: Path) -> None:
    root = tree(tmp_path / "root", GOOD | {"models/weights/cell.safetensors": "", "models/gas/__init__.py": ""})
    (tmp_path / "scratch").mkdir()
    assert missing_from_the_wheel(root, tmp_path / "scratch") == [
        "twin/models/gas/__init__.py is missing",
        "twin/models/weights/cell.safetensors is missing",
    ]
