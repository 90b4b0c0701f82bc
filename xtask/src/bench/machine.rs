//! The machine: its description, and the processors of the server and the load generator.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use crate::process::output;

/// The processors of the server and of the load generator.
pub const SERVER: &str = "0";
pub const LOAD: &str = "1";

/// A command that keeps a program on one processor, if the machine has two processors and the program taskset.
pub fn on(processor: &str, program: impl AsRef<OsStr>) -> Command {
    if !pins() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", processor]).arg(program);
    command
}

/// Whether the server and the load generator have different processors.
pub fn pins() -> bool {
    processors() > 1 && find("taskset").is_some()
}

pub fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Looks for a program on the PATH, and where cargo installs programs.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let cargo = env::home_dir().map(|home| home.join(".cargo/bin"));
    // nginx is often installed in a folder that is only on root's PATH.
    let folders = env::split_paths(&path)
        .chain(cargo)
        .chain(["/usr/sbin".into()]);
    folders
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// The facts that the figures depend on, as pairs of a name and a text.
pub fn describe() -> Vec<(&'static str, String)> {
    let processor = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| {
            Some(
                line.strip_prefix("model name")?
                    .split_once(':')?
                    .1
                    .trim()
                    .to_owned(),
            )
        })
        .unwrap_or_else(|| env::consts::ARCH.into());
    let memory = read("/proc/meminfo")
        .lines()
        .find_map(|line| {
            line.strip_prefix("MemTotal:")?
                .trim()
                .strip_suffix(" kB")?
                .parse::<u64>()
                .ok()
        })
        .map_or_else(|| "unknown".into(), |kib| format!("{} GiB", kib >> 20));
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("unknown").to_owned();
    let mut facts = vec![
        ("Processor", format!("{} x {processor}", processors())),
        ("Memory", memory),
        ("Load of the machine before the run (1 minute)", load),
    ];
    let programs: [(&str, &str, &[&str]); 3] = [
        ("Kernel", "uname", &["-sr"]),
        ("Rust", "rustc", &["--version"]),
        ("Commit", "git", &["describe", "--always", "--dirty"]),
    ];
    for (name, program, args) in programs {
        let text = output(
            Command::new(program)
                .args(args)
                .current_dir(xtask::workspace::root()),
        );
        facts.push((name, text.unwrap_or_else(|| "unknown".into())));
    }
    facts
}

/// Raises the limit of open files for this program, and the programs it starts, as far as the system allows.
pub fn raise_open_files() {
    let limits = read("/proc/self/limits");
    let most = limits.lines().find_map(|line| {
        line.strip_prefix("Max open files")?
            .split_whitespace()
            .nth(1)
    });
    if let Some(most) = most {
        let _ = output(Command::new("prlimit").args([
            format!("--pid={}", std::process::id()),
            format!("--nofile={most}:{most}"),
        ]));
    }
}

/// The time that all processors together were busy since the machine started, in microseconds. It is the sum of all
/// columns of proc_stat(5) except `idle`, `iowait`, and `guest`, which `user` includes.
pub fn busy() -> Option<f64> {
    let stat = read("/proc/stat");
    let columns: Vec<f64> = stat
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        .map_while(|column| column.parse().ok())
        .collect();
    let busy = [0, 1, 2, 5, 6, 7].map(|column| columns.get(column).copied().unwrap_or(0.0));
    Some(busy.iter().sum::<f64>() * 10_000.0)
}

/// The processor time of the programs that this program has run to their end, in microseconds (fields 16 and 17 of
/// proc_pid_stat(5)).
pub fn used_by_ended() -> Option<f64> {
    let stat = read("/proc/self/stat");
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(13);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) * 10_000.0)
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
