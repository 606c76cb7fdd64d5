//! What is implemented for a policy beside its hooks: its kind, which says how it is configured and made.
//! The engine sees kinds without their types (`catalog.rs`).

use maitred_config::Read;

use crate::build::Build;
use crate::contract::Policy;
use crate::phase::Phase;

/// A kind of policy: one name in the configuration.
pub trait PolicyKind: Sized + Send + Sync + 'static {
    /// The name in the configuration, in `snake_case`.
    const NAME: &'static str;
    /// Whether it is there, with its defaults, where a document does not name it. `false` in the document removes it.
    const ON_BY_DEFAULT: bool = false;
    /// What users write, with its documentation and its defaults.
    type Config: Read;
    /// What is made of it.
    type Compiled: Policy;

    /// When it runs, which may depend on how it is configured.
    fn phase(config: &Self::Config) -> Phase;

    /// Compiles it. Problems go to `build`, all of them, and then the answer is none. `previous` is the compiled form
    /// that this one replaces after a reload: the one written at the same place under the same name; state that must
    /// survive is taken over from it.
    fn compile(
        config: Self::Config,
        build: &mut Build<'_>,
        previous: Option<&Self::Compiled>,
    ) -> Option<Self::Compiled>;
}
