//! The flag that switches layers of defence off.

use belljar::hardening::Layer;
use clap::Args;

#[derive(Args)]
#[command(next_help_heading = "Hardening")]
pub struct HardeningFlags {
    /// Switch off layers of defence: privileges, core-dumps, landlock, seccomp, compiler. See docs/deploy.md
    #[arg(long, value_name = "LAYER,...", value_delimiter = ',')]
    no_hardening: Vec<Layer>,
}

impl HardeningFlags {
    /// The layers that are switched off.
    pub fn off(&self) -> &[Layer] {
        &self.no_hardening
    }

    /// Whether compilers give up their rights.
    pub fn hardens_compilers(&self) -> bool {
        !self.no_hardening.contains(&Layer::Compiler)
    }
}
