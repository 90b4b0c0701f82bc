//! Landlock: the files that a process can reach, by their paths. Linux has it since version 5.13.
//!
//! A file that is open already stays usable. A rule is for what a path leads to when the rule is made: what takes the
//! place of a folder later, such as another file system, is out of reach.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::paths::Paths;

/// Denies all files but these, and signals to other processes.
pub(super) fn allow_only(paths: &Paths) -> Result<(), String> {
    let rules = || {
        let mut rules = Ruleset::default()
            .handle_access(AccessFs::from_all(LATEST))?
            .scope(Scope::from_all(LATEST))?
            .create()?;
        for path in paths.all_readable() {
            rules = allow(rules, &path, AccessFs::ReadFile | AccessFs::ReadDir)?;
        }
        for path in &paths.writable {
            let access = AccessFs::from_all(LATEST)
                & !(AccessFs::Execute
                    | AccessFs::MakeChar
                    | AccessFs::MakeBlock
                    | AccessFs::IoctlDev);
            rules = allow(rules, path, access)?;
        }
        for path in &paths.emptied {
            rules = allow(rules, path, AccessFs::RemoveDir.into())?;
        }
        Ok(rules)
    };
    enforce(rules())
}

/// Denies all files, all connections and signals to other processes.
pub(super) fn allow_nothing() -> Result<(), String> {
    let rules = || {
        Ruleset::default()
            .handle_access(AccessFs::from_all(LATEST))?
            .handle_access(AccessNet::from_all(LATEST))?
            .scope(Scope::from_all(LATEST))?
            .create()
    };
    enforce(rules())
}

fn allow(
    rules: RulesetCreated,
    path: &std::path::Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    // What does not exist needs no rule.
    let (Ok(found), Ok(metadata)) = (PathFd::new(path), std::fs::metadata(path)) else {
        return Ok(rules);
    };
    let access = match metadata.is_dir() {
        true => access,
        false => access & AccessFs::from_file(LATEST),
    };
    rules.add_rule(PathBeneath::new(found, access))
}

fn enforce(rules: Result<RulesetCreated, RulesetError>) -> Result<(), String> {
    let status = rules
        .and_then(RulesetCreated::restrict_self)
        .map_err(|error| error.to_string())?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err("the kernel lacks it".into()),
        // An older kernel has fewer rights to deny.
        _ => Ok(()),
    }
}

/// The version whose rights are denied. Older kernels deny those that they know.
const LATEST: ABI = ABI::V6;
