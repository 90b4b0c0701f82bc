//! The memory of the machine, and the part of it that handlers may use.
//!
//! The machine may limit a process in several ways: its cgroup and each cgroup above, its resource limits, and the physical
//! memory. The smallest counts, because the kernel kills a process that exceeds it.

use std::fs;
use std::path::{Path, PathBuf};

use belljar_sandbox::EngineMemory;
use bytesize::ByteSize;

/// The memory that this process may use.
pub struct Memory {
    /// None if the system does not tell.
    bound: Option<Bound>,
}

/// A bound on the memory of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bound {
    bytes: u64,
    /// Where it comes from, for the log.
    source: String,
}

impl Memory {
    /// The smallest bound that this process has.
    pub fn of_process() -> Self {
        let root = Path::new("/");
        let bounds = cgroups(root).into_iter().chain(physical(root));
        let bounds = bounds.chain(resource_limits());
        Self {
            bound: bounds.min_by_key(|bound| bound.bytes),
        }
    }

    /// The part for handlers. `total` is `total-memory`, if it is set.
    pub fn for_handlers(&self, total: Option<u64>) -> EngineMemory {
        let Some(Bound { bytes, .. }) = &self.bound else {
            return EngineMemory {
                total: total.unwrap_or(u64::MAX),
                ..EngineMemory::UNLIMITED
            };
        };
        EngineMemory {
            total: total.unwrap_or(bytes / 8 * 3),
            code: (bytes / 4).max(total.unwrap_or_default() / 2),
            pool: bytes / 8,
        }
    }

    /// The memory of a compiler, of which the user wants this much. A compiler beside the server leaves it half of the memory.
    pub fn for_compiler(&self, wanted: u64) -> u64 {
        let bound = self.bound.as_ref().map(|bound| bound.bytes / 2);
        bound.map_or(wanted, |bound| wanted.min(bound))
    }

    /// Logs the bounds, and where they come from.
    pub fn log(&self, total: Option<u64>) {
        let Some(Bound { bytes, source }) = &self.bound else {
            if total.is_none() {
                tracing::warn!(
                    "the memory of handlers has no bound, because the memory of this machine is unknown; set --total-memory"
                );
            }
            return;
        };
        let of_handlers = self.for_handlers(total).total;
        let [all, handlers] = [*bytes, of_handlers].map(ByteSize::b);
        let default = match total {
            Some(_) => "",
            None => ", by default three eighths",
        };
        tracing::info!(
            "the server has {all} of memory ({source}); its handlers may use {handlers} together (total-memory{default})"
        );
        if of_handlers > bytes / 8 * 5 {
            tracing::warn!(
                "total-memory leaves little of the {all} for the server itself, and the system may kill the server; lower \
                 --total-memory"
            );
        }
    }

    /// The most connections, of which each may buffer a request head and what its client sends ahead.
    pub fn max_connections(&self, wanted: usize, max_head: usize) -> usize {
        let Some(Bound { bytes, .. }) = &self.bound else {
            return wanted;
        };
        let each = (max_head as u64).saturating_add(READ_AHEAD);
        let most = usize::try_from(bytes / 8 / each)
            .unwrap_or(usize::MAX)
            .max(1);
        if most < wanted {
            tracing::warn!(
                "at most {most} connections at once, not {wanted}: the memory of the server has no room for the buffers of \
                 more; give it more memory, lower --max-head, or set --max-connections {most}"
            );
        }
        wanted.min(most)
    }
}

/// The limits of the cgroups of this process, and of all cgroups above them.
fn cgroups(root: &Path) -> Vec<Bound> {
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap_or_default();
    let (groups, mounts) = (read("proc/self/cgroup"), read("proc/self/mountinfo"));
    let mut bounds = Vec::new();
    for line in groups.lines() {
        // `0::/path` of version 2, `4:memory:/path` of version 1.
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (file, option) = match controllers {
            "" => ("memory.max", None),
            _ if controllers.split(',').any(|one| one == "memory") => {
                ("memory.limit_in_bytes", Some("memory"))
            }
            _ => continue,
        };
        for (top, within) in mounts.lines().filter_map(|line| mount(line, option)) {
            let below = Path::new(path)
                .strip_prefix(&within)
                .unwrap_or(Path::new(""));
            let top = root.join(top.strip_prefix("/").unwrap_or(&top));
            for folder in below.ancestors() {
                let file = top.join(folder).join(file);
                bounds.extend(limit_in(&file));
            }
        }
    }
    bounds
}

/// The mount point of a cgroup file system and the cgroup at it, from a line of `mountinfo` (proc(5)). `option` is the
/// controller of version 1; none stands for version 2.
fn mount(line: &str, option: Option<&str>) -> Option<(PathBuf, PathBuf)> {
    let (left, right) = line.split_once(" - ")?;
    let mut kind = right.split(' ');
    let is_wanted = match (kind.next()?, option) {
        ("cgroup2", None) => true,
        ("cgroup", Some(option)) => kind.nth(1)?.split(',').any(|one| one == option),
        _ => false,
    };
    let mut fields = left.split(' ').skip(3);
    let (within, top) = (fields.next()?, fields.next()?);
    is_wanted.then(|| (top.into(), within.into()))
}

fn limit_in(file: &Path) -> Option<Bound> {
    // Without a limit version 2 says `max`, and version 1 a number beyond any memory.
    let bytes = fs::read_to_string(file).ok()?.trim().parse().ok()?;
    Some(Bound {
        bytes,
        source: format!("limit of the cgroup, {}", file.display()),
    })
}

fn physical(root: &Path) -> Option<Bound> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(Bound {
        bytes: kibibytes << 10,
        source: "physical memory".into(),
    })
}

#[cfg(unix)]
fn resource_limits() -> impl Iterator<Item = Bound> {
    use rustix::process::{Resource, getrlimit};
    let limits = [
        (Resource::As, "limit of the address space, `ulimit -v`"),
        (Resource::Data, "limit of the data segment, `ulimit -d`"),
    ];
    limits.into_iter().filter_map(|(resource, source)| {
        Some(Bound {
            bytes: getrlimit(resource).current?,
            source: source.into(),
        })
    })
}

#[cfg(not(unix))]
fn resource_limits() -> impl Iterator<Item = Bound> {
    std::iter::empty()
}

/// Bytes that a connection buffers of what its client sends ahead.
const READ_AHEAD: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with files like those of the kernel, named by their paths.
    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn smallest(files: &[(&str, &str)]) -> Option<u64> {
        let bounds = cgroups(system(files).path()).into_iter();
        bounds.map(|bound| bound.bytes).min()
    }

    #[test]
    fn finds_the_smallest_limit_of_the_cgroup_and_those_above() {
        let mounts = "30 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";
        let files = |own, above| {
            [
                ("proc/self/cgroup", "0::/system.slice/belljar.service\n"),
                ("proc/self/mountinfo", mounts),
                ("sys/fs/cgroup/system.slice/belljar.service/memory.max", own),
                ("sys/fs/cgroup/system.slice/memory.max", above),
            ]
        };
        for (own, above, expected) in [
            ("max\n", "max\n", None),
            ("536870912\n", "max\n", Some(512 << 20)),
            ("536870912\n", "1048576\n", Some(1 << 20)),
        ] {
            assert_eq!(smallest(&files(own, above)), expected, "{own} {above}");
        }
    }

    #[test]
    fn reads_the_limits_of_version_1_where_a_container_sees_only_its_own_cgroup() {
        let mounts = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                      35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      36 31 0:33 /docker/abc /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";
        for (group, expected) in [
            ("/docker/abc", 300),
            ("/docker/abc/inner", 200),
            ("/elsewhere", 300),
        ] {
            let groups = format!("9:cpu:/\n4:hugetlb,memory:{group}\n0::/\n");
            let files = [
                ("proc/self/cgroup", &*groups),
                ("proc/self/mountinfo", mounts),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "300\n"),
                ("sys/fs/cgroup/memory/inner/memory.limit_in_bytes", "200\n"),
                ("sys/fs/cgroup/cpu/memory.limit_in_bytes", "1\n"),
            ];
            assert_eq!(smallest(&files), Some(expected), "{group}");
        }
    }

    #[test]
    fn reads_the_physical_memory() {
        let root = system(&[(
            "proc/meminfo",
            "MemTotal:       24684016 kB\nMemFree: 1 kB\n",
        )]);
        let found = physical(root.path()).unwrap();
        assert_eq!(found.bytes, 24_684_016 << 10);
        assert_eq!(physical(Path::new("/no/such/folder")), None);
    }

    fn memory(bytes: u64) -> Memory {
        Memory {
            bound: Some(Bound {
                bytes,
                source: String::new(),
            }),
        }
    }

    #[test]
    fn a_compiler_leaves_the_server_half_of_the_memory() {
        assert_eq!(memory(512 << 20).for_compiler(2 << 30), 256 << 20);
        assert_eq!(memory(8 << 30).for_compiler(2 << 30), 2 << 30);
        assert_eq!(Memory { bound: None }.for_compiler(7), 7);
    }

    #[test]
    fn little_memory_has_room_for_few_connections() {
        for (bytes, max_head, expected) in [
            (512 << 20, 32 << 10, 682),
            (512 << 20, 1 << 20, 60),
            (8 << 30, 32 << 10, 10_000),
            (1, 32 << 10, 1),
        ] {
            let most = memory(bytes).max_connections(10_000, max_head);
            assert_eq!(most, expected, "{bytes} {max_head}");
        }
        assert_eq!(Memory { bound: None }.max_connections(7, 1), 7);
    }
}
