//! The goals for belljar's figures.

use super::memory;
use super::peer::Peer::{self, Bare, Fresh, Kept, Nginx, StaticWebServer, Wasmtime};
use super::report::Report;
use super::works::Task;

pub struct Goal {
    pub what: &'static str,
    pub at_least: f64,
    pub aim: f64,
    pub unit: Unit,
    measured: Measured,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A multiple of the peer's requests per second; more is better.
    Times,
    /// Less is better, also for megabytes.
    Milliseconds,
    Megabytes,
}

enum Measured {
    Ratio(&'static str, Peer, Peer),
    Endless,
    Memory,
    Start,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Aim,
    AtLeast,
    Short,
    NotMeasured,
}

impl Goal {
    pub fn measured(&self, report: &Report) -> Option<f64> {
        match self.measured {
            Measured::Ratio(work, peer, to) => report.rates(work)?.ratio(peer, to),
            Measured::Endless => report
                .endless
                .iter()
                .find(|endless| endless.peer == Fresh && endless.loops > 0)
                .map(|endless| endless.p99 / 1e3),
            Measured::Memory => report.memory(Fresh, memory::IDLE).map(|bytes| bytes / 1e6),
            Measured::Start => {
                let start = report
                    .start
                    .iter()
                    .find(|start| start.peer == Fresh && start.task == Task::Files);
                start?.warm.map(|micros| micros / 1e3)
            }
        }
    }

    /// The ratio of the processor times instead of the rates.
    pub fn by_processor(&self, report: &Report) -> Option<f64> {
        match self.measured {
            Measured::Ratio(work, peer, to) => report.rates(work)?.ratio_by_processor(peer, to),
            _ => None,
        }
    }

    pub fn verdict(&self, measured: Option<f64>) -> Verdict {
        let Some(measured) = measured else {
            return Verdict::NotMeasured;
        };
        let reaches = |goal| match self.unit {
            Unit::Times => measured >= goal,
            _ => measured <= goal,
        };
        match () {
            () if reaches(self.aim) => Verdict::Aim,
            () if reaches(self.at_least) => Verdict::AtLeast,
            () => Verdict::Short,
        }
    }
}

impl Unit {
    pub fn text(self, figure: f64) -> String {
        match self {
            Self::Times => format!("{figure:.2} x"),
            Self::Milliseconds => format!("{figure:.1} ms"),
            Self::Megabytes => format!("{figure:.0} MB"),
        }
    }
}

impl Verdict {
    pub fn text(&self) -> &'static str {
        match self {
            Self::Aim => "aim reached",
            Self::AtLeast => "reached",
            Self::Short => "**not reached**",
            Self::NotMeasured => "not measured",
        }
    }
}

const fn ratio(
    what: &'static str,
    at_least: f64,
    aim: f64,
    work: &'static str,
    peer: Peer,
    to: Peer,
) -> Goal {
    Goal {
        what,
        at_least,
        aim,
        unit: Unit::Times,
        measured: Measured::Ratio(work, peer, to),
    }
}

pub const ALL: [Goal; 12] = [
    ratio(
        "hello, fresh instance, against `wasmtime serve` fresh",
        3.0,
        5.0,
        "hello",
        Fresh,
        Wasmtime,
    ),
    ratio(
        "hello, fresh instance, against the bare loop",
        0.40,
        0.60,
        "hello",
        Fresh,
        Bare,
    ),
    ratio(
        "hello, instance kept, against the bare loop",
        0.80,
        0.95,
        "hello",
        Kept,
        Bare,
    ),
    ratio(
        "1 kB file, fresh instance, against nginx",
        0.55,
        0.80,
        "file-1kB",
        Fresh,
        Nginx,
    ),
    ratio(
        "1 kB file, instance kept, against nginx",
        0.85,
        1.0,
        "file-1kB",
        Kept,
        Nginx,
    ),
    ratio(
        "100 kB file, fresh instance, against nginx",
        0.80,
        1.0,
        "file-100kB",
        Fresh,
        Nginx,
    ),
    ratio(
        "100 kB file, fresh instance, against static-web-server",
        1.2,
        1.8,
        "file-100kB",
        Fresh,
        StaticWebServer,
    ),
    ratio(
        "10 MB file, fresh instance, against nginx",
        0.95,
        1.05,
        "file-10MB",
        Fresh,
        Nginx,
    ),
    ratio(
        "1 kB file, fresh instance, against `wasmtime serve` with the same logic",
        4.0,
        6.0,
        "file-1kB",
        Fresh,
        Wasmtime,
    ),
    Goal {
        what: "p99 of hello under eight endless loops, all processors",
        at_least: 20.0,
        aim: 5.0,
        unit: Unit::Milliseconds,
        measured: Measured::Endless,
    },
    Goal {
        what: "resident memory, idle, after start",
        at_least: 40.0,
        aim: 25.0,
        unit: Unit::Megabytes,
        measured: Measured::Memory,
    },
    Goal {
        what: "start to first answer, compiled cache warm",
        at_least: 100.0,
        aim: 30.0,
        unit: Unit::Milliseconds,
        measured: Measured::Start,
    },
];
