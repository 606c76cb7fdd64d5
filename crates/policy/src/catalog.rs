//! Kinds of policies as the engine knows them: without their types, and all of a program in a catalogue.
//! Nobody implements these traits by hand; they follow from that of `kind.rs`.

use maitred_config::scalar::nearest::nearest;
use maitred_config::{Node, PolicyEntry, PolicyShapes, Problem, Problems, Read, Reader, Shape, Texts};

use crate::build::{Build, Kinds, Means};
use crate::erased::{CompiledPolicy, DynPolicy};
use crate::kind::PolicyKind;

/// [`PolicyKind`] without its types.
pub trait DynKind: Send + Sync + 'static {
    /// The name in the configuration.
    fn name(&self) -> &'static str;

    /// Whether it is there where a document does not name it.
    fn is_on_by_default(&self) -> bool;

    /// What may stand behind it, for the schema, the reference pages and the long form.
    fn shape(&self) -> Shape;

    /// Reads what users wrote in `texts` and compiles it; none if there were problems.
    fn compile(
        &self,
        node: &Node,
        texts: &Texts,
        means: Means<'_>,
        problems: &mut Problems,
        previous: Option<&dyn DynPolicy>,
    ) -> Option<CompiledPolicy>;
}

/// A kind as a value, for the catalogue.
#[derive(Debug)]
pub struct KindOf<K>(std::marker::PhantomData<fn() -> K>);

impl<K: PolicyKind> DynKind for KindOf<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn is_on_by_default(&self) -> bool {
        K::ON_BY_DEFAULT
    }

    fn shape(&self) -> Shape {
        K::Config::shape()
    }

    fn compile(
        &self,
        node: &Node,
        texts: &Texts,
        means: Means<'_>,
        problems: &mut Problems,
        previous: Option<&dyn DynPolicy>,
    ) -> Option<CompiledPolicy> {
        let before = problems.error_count();
        let config = K::Config::read(node, &mut Reader::new(texts, problems))?;
        if problems.error_count() > before {
            return None;
        }
        let phase = K::phase(&config);
        let previous = previous.and_then(|policy| policy.as_any().downcast_ref());
        let policy = K::compile(config, &mut Build::new(problems, node.span, texts, means), previous)?;
        Some((phase, Box::new(policy)))
    }
}

/// All kinds of policies that a program has.
#[derive(Default)]
pub struct Catalog {
    kinds: Vec<Box<dyn DynKind>>,
}

impl Catalog {
    /// The same catalogue with one kind more.
    pub fn with<K: PolicyKind>(mut self) -> Self {
        self.kinds.push(Box::new(KindOf::<K>(std::marker::PhantomData)));
        self
    }

    /// The kind of this name.
    pub fn find(&self, name: &str) -> Option<&dyn DynKind> {
        self.kinds.iter().find(|kind| kind.name() == name).map(|kind| &**kind)
    }

    /// The problem that there is no kind of this name.
    pub fn unknown(&self, name: &str) -> Problem {
        let names = self.kinds();
        let help = nearest(name, names.iter().copied()).map_or_else(
            || format!("there are {}", names.join(", ")),
            |meant| format!("did you mean `{meant}`?"),
        );
        Problem::error(format!("there is no policy `{name}`")).help(help)
    }

    /// All kinds, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &dyn DynKind> {
        self.kinds.iter().map(|kind| &**kind)
    }
}

impl Kinds for Catalog {
    fn compile(
        &self,
        written: &PolicyEntry,
        texts: &Texts,
        means: Means<'_>,
        problems: &mut Problems,
        previous: Option<&dyn DynPolicy>,
    ) -> Option<CompiledPolicy> {
        let Some(kind) = self.find(&written.kind) else {
            problems.push(self.unknown(&written.kind).at(written.span));
            return None;
        };
        kind.compile(&written.node, texts, means, problems, previous)
    }
}

/// The configuration knows no policy, so it asks for their shapes through this.
impl PolicyShapes for Catalog {
    fn shape(&self, kind: &str) -> Option<Shape> {
        self.find(kind).map(DynKind::shape)
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.iter().map(DynKind::name).collect()
    }
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.kinds.iter().map(|kind| kind.name())).finish()
    }
}
