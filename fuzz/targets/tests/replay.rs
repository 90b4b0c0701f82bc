//! Runs the targets on their corpora, and on mutations of them: the part of fuzzing that needs no nightly toolchain.

use std::fs;
use std::path::Path;

/// Runs one target on each file of its corpus, and then on `mutations` inputs that are made of them.
fn replay(name: &str, mutations: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../corpus")
        .join(name);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let corpus: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(corpus.len() >= 10, "{} seeds", corpus.len());
    for (file, data) in files.iter().zip(&corpus) {
        let _shown = ShowIfPanicking(data);
        println!("{}", file.display());
        fuzz_targets::run(name, data);
    }
    let mut random = Random(1);
    for _ in 0..mutations {
        let data = random.mutation(&corpus);
        let _shown = ShowIfPanicking(&data);
        fuzz_targets::run(name, &data);
    }
}

/// Prints the input of a target that panics.
struct ShowIfPanicking<'a>(&'a [u8]);

impl Drop for ShowIfPanicking<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input is b\"{}\"", self.0.escape_ascii());
        }
    }
}

/// A small generator, so that each run has the same inputs.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }

    /// A seed with one to four changes.
    fn mutation(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut data = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(data.len() + 1);
            let end = at + self.below(data.len() - at + 1).min(16);
            match self.below(6) {
                0 => drop(data.drain(at..end)),
                1 => {
                    let copy = data[at..end].to_vec();
                    data.splice(at..at, copy);
                }
                2 => data.insert(at, b"\r\n \t:;,0x\0\x80+-/.%\"="[self.below(18)]),
                3 => data.insert(at, self.below(256) as u8),
                4 if at < data.len() => data[at] = self.below(256) as u8,
                _ => {
                    let other = &corpus[self.below(corpus.len())];
                    let from = self.below(other.len() + 1);
                    data.truncate(at);
                    data.extend_from_slice(&other[from..]);
                }
            }
        }
        data
    }
}

macro_rules! targets {
    ($($(#[$condition:meta])? $name:ident: $mutations:expr,)*) => {
        $(
            $(#[$condition])?
            #[test]
            fn $name() {
                replay(stringify!($name), $mutations);
            }
        )*

        #[test]
        fn every_target_is_replayed() {
            let all: Vec<_> = fuzz_targets::ALL.iter().map(|target| target.name).collect();
            assert_eq!(all, [$($(#[$condition])? stringify!($name)),*]);
        }
    };
}

// The numbers of mutations keep each test within two seconds.
targets! {
    head: 10_000,
    chunked: 10_000,
    connection: 10_000,
    response: 10_000,
    files: 30_000,
    #[cfg(feature = "sandbox")]
    routes: 20_000,
    #[cfg(feature = "sandbox")]
    config: 2_000,
    #[cfg(feature = "sandbox")]
    component: 300,
}
