//! Networks: `10.0.0.0/8`, `fd00::/8`; a bare address is a network of one.

use ipnet::IpNet;

use super::ScalarProblem;

/// Reads a network.
pub fn parse(text: &str) -> Result<IpNet, ScalarProblem> {
    Err(ScalarProblem::whole("not read yet", text))
}
