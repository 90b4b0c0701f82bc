//! Licence expressions (SPDX), as in the field `license` of a manifest.

use std::collections::BTreeSet;

/// Whether a licence expression can be satisfied with these licences. Parentheses are only allowed around a whole operand
/// of `AND`.
pub fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    // Old manifests write `MIT/Apache-2.0`.
    let expression = expression.replace('/', " OR ");
    let mut operands = vec![String::new()];
    let mut depth = 0;
    for word in expression.split_whitespace() {
        depth += word.matches('(').count();
        match word {
            "AND" if depth == 0 => operands.push(String::new()),
            _ => {
                let operand = operands.last_mut();
                operand.into_iter().for_each(|operand| {
                    operand.push_str(word.trim_matches(['(', ')']));
                    operand.push(' ');
                });
            }
        }
        depth = depth.saturating_sub(word.matches(')').count());
    }
    operands.iter().all(|operand| {
        let mut choices = operand.trim().split(" OR ");
        choices.any(|choice| {
            choice
                .split(" AND ")
                .all(|one| allowed.contains(one.trim()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evaluates_licence_expressions() {
        let allowed = ["MIT", "Apache-2.0", "ISC", "Apache-2.0 WITH LLVM-exception"];
        let allowed = allowed.map(str::to_owned).into();
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("", false),
            ("MIT OR GPL-3.0", true),
            ("GPL-3.0/MIT", true),
            ("GPL-3.0 / MIT", true),
            ("MIT AND ISC", true),
            ("MIT AND GPL-3.0", false),
            ("(GPL-3.0 OR MIT) AND ISC", true),
            ("ISC AND (GPL-3.0 OR LGPL-3.0)", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("MIT WITH other-exception", false),
            ("GPL-3.0 OR MIT AND GPL-3.0", false),
        ] {
            assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
        }
    }
}
