//! The bytes of a component, as the compiler process of `check` and `serve` receives them.

use belljar_sandbox::{CompileTarget, Effort};
use wasmparser::{Validator, WasmFeatures};

/// The compiler refuses the bytes, or they are a valid component. It neither panics nor hangs.
pub fn run(data: &[u8]) {
    if CompileTarget::OnDemand.compile(Effort::Full, data).is_ok() {
        let valid = Validator::new_with_features(WasmFeatures::all()).validate_all(data);
        let error = valid.err();
        assert!(error.is_none(), "{error:?}: {}", data.escape_ascii());
    }
}
