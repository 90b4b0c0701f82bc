//! The limits of compilation.

use std::time::Duration;

use belljar_http::settings;
use belljar_http::settings::Kind;

settings! {
    /// What compiling a component may use of the machine.
    pub struct CompileLimits: "Limits of compilation", prefix "compile-" {
        /// Maximum memory to compile a component. A server has at most half of its own memory for it.
        pub memory: u64 = 2 << 30, Kind::SIZE, beyond "the component is refused";
        // Compilation gives way to requests, so the clock may show more than the processor's time.
        /// Processor time to compile a component, on each processor. The wall-clock limit is four times as long.
        pub timeout: Duration = Duration::from_secs(60), Kind::TIME, beyond "the component is refused";
        // A component with a Python interpreter has about 40 MiB of machine code.
        /// Maximum size of a compiled component.
        pub output: u64 = 256 << 20, Kind::SIZE, beyond "the component is refused";
        /// Maximum size of the cache of compiled components.
        pub cache: u64 = 1 << 30, Kind::SIZE, beyond "those that were not used for longest are removed";
    }
}
