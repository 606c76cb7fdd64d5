//! The shapes of the policies' settings, for the long form and the JSON Schema.
//! The configuration knows no policy, so it asks through this.

use maitred_config::{PolicyShapes, Shape};
use maitred_policy::{Catalog, DynKind};

/// A catalogue, asked for shapes.
pub(crate) struct CatalogShapes<'a>(pub(crate) &'a Catalog);

impl PolicyShapes for CatalogShapes<'_> {
    fn shape(&self, kind: &str) -> Option<Shape> {
        self.0.find(kind).map(DynKind::shape)
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.0.iter().map(DynKind::name).collect()
    }
}
