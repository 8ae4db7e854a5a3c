"""Plots of one run: rated, base, allocated and measured current per phase of one circuit, as PNG."""

from __future__ import annotations

from pathlib import Path

from sitectl.model.ids import CircuitId
from tests.onehertz.world import World

FOLDER = Path("bench-plots")


class Recorder:
    """Keeps one circuit's currents, every `every_s` seconds."""

    def __init__(self, circuit: CircuitId, every_s: int = 1) -> None:
        self.circuit, self.every_s = circuit, every_s
        self.hours: list[float] = []
        self.rated: list[float] = []
        self.base: list[list[float]] = [[], [], []]
        self.allocated: list[list[float]] = [[], [], []]
        self.measured: list[list[float]] = [[], [], []]

    def __call__(self, world: World) -> None:
        """Look at this second."""
        if int(world.now) % self.every_s:
            return
        self.hours.append(world.now / 3600.0)
        self.rated.append(world.topology.circuits[self.circuit].rated_a)
        offered = [0.0, 0.0, 0.0]
        for post in world.posts.values():
            for bay in post.bays.values():
                if bay.car is not None and self.circuit in world.circuits[bay.plan.id]:
                    for phase, a in enumerate(bay.on_grid(post.lawful_a(bay))):
                        offered[phase] += a
        for phase in range(3):
            base_a = world.base_a[self.circuit][phase]
            self.base[phase].append(base_a)
            self.allocated[phase].append(base_a + offered[phase])
            self.measured[phase].append(world.flows[self.circuit][phase])

    def draw(self, name: str, title: str) -> Path | None:
        """Write `bench-plots/NAME.png`; None where matplotlib is not installed."""
        try:
            import matplotlib

            matplotlib.use("Agg")
            from matplotlib import pyplot
        except ImportError:
            return None
        figure, axes = pyplot.subplots(3, 1, figsize=(16, 11), sharex=True, sharey=True)
        for phase, axis in enumerate(axes):
            axis.fill_between(self.hours, self.base[phase], color="0.8", label="base load")
            axis.plot(self.hours, self.allocated[phase], color="tab:blue", lw=0.8, label="base load and allocated")
            axis.plot(self.hours, self.measured[phase], color="tab:green", lw=0.8, label="measured")
            axis.plot(self.hours, self.rated, color="tab:red", ls="--", label="rated")
            axis.set_ylabel(f"L{phase + 1} (A)")
            axis.set_ylim(bottom=0.0)
            axis.grid(alpha=0.3)
        axes[0].set_title(title)
        axes[0].legend(loc="upper right", ncols=4, fontsize=8)
        axes[-1].set_xlabel("hours")
        FOLDER.mkdir(exist_ok=True)
        path = FOLDER / f"{name}.png"
        figure.tight_layout()
        figure.savefig(path, dpi=90)
        pyplot.close(figure)
        return path
