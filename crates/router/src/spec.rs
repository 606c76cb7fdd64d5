//! What a route is made of, before it is compiled: the engine writes it from the document, and `rank` takes it
//! apart.

use maitred_http::Method;

use crate::condition::Condition;
use crate::host::HostSpec;
use crate::path::PathSpec;

/// One route, as the engine translates it from the document. Routes are told apart by their place in the list that
/// is compiled; their names are the engine's.
#[derive(Debug, Default)]
pub struct RouteSpec {
    /// Hosts, any of which fits; none means any host.
    pub hosts: Vec<HostSpec>,
    /// Paths, any of which fits; none means `/*`.
    pub paths: Vec<PathSpec>,
    /// Methods, where they are named. GET brings HEAD with it.
    pub methods: Option<Vec<Method>>,
    /// All of these must hold.
    pub conditions: Vec<Condition>,
    /// Decides before everything else; 0 unless told, the higher first, also below zero.
    pub priority: i32,
}
