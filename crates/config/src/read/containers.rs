//! Reading what wraps other types: optional, switched, several, at a place.
//! Here it is decided what `false`, a bare item and an absent key mean for them.

use std::ops::Deref;

use super::{Read, Reader, Shape};
use crate::node::Node;
use crate::problem::Problem;
use crate::span::Span;

/// May be left out; `false` is the same as leaving it out, unless it means something to the type.
impl<T: Read> Read for Option<T> {
    const TAKES_FALSE: bool = true;

    fn shape() -> Shape {
        if T::TAKES_FALSE { T::shape() } else { T::shape().or_false() }
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if !T::TAKES_FALSE && node.as_bool() == Some(false) {
            return Some(None);
        }
        T::read(node, reader).map(|value| if value.is_nothing() { None } else { Some(value) })
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// A setting that `false` turns off and that has defaults of its own: where it is not written, the field's default counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Toggle<T> {
    /// `false`
    Off,
    /// `true`, a scalar or a map.
    On(T),
}

impl<T> Toggle<T> {
    /// The setting, if it is on.
    pub fn on(&self) -> Option<&T> {
        match self {
            Self::Off => None,
            Self::On(value) => Some(value),
        }
    }
}

impl<T: Read> Read for Toggle<T> {
    const TAKES_FALSE: bool = true;

    fn shape() -> Shape {
        T::shape().or_false()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if node.as_bool() == Some(false) {
            return Some(Self::Off);
        }
        T::read(node, reader).map(Self::On)
    }
}

/// Any number, also none; one may stand bare.
impl<T: Read> Read for Vec<T> {
    const TAKES_FALSE: bool = true;

    fn shape() -> Shape {
        T::shape().list()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if !T::TAKES_FALSE && node.as_bool() == Some(false) {
            return Some(Self::new());
        }
        let Some(items) = node.as_list() else { return T::read(node, reader).map(|item| vec![item]) };
        // Every item is read, so that all problems are told, before any of them can stop it.
        let read: Self =
            items.iter().filter_map(|item| reader.under(item.span, |reader| T::read(item, reader))).collect();
        (read.len() == items.len()).then_some(read)
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }
}

/// At least one; one may stand bare.
#[derive(Debug, Clone, PartialEq)]
pub struct OneOrMany<T>(Vec<T>);

impl<T> OneOrMany<T> {
    /// Just this one.
    pub(crate) fn one(item: T) -> Self {
        Self(vec![item])
    }

    /// The first, which is always there.
    pub fn first(&self) -> &T {
        &self.0[0]
    }
}

impl<T> Deref for OneOrMany<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T> IntoIterator for &'a OneOrMany<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: Read> Read for OneOrMany<T> {
    fn shape() -> Shape {
        Shape::List { item: Box::new(T::shape()), not_empty: true }
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if !T::TAKES_FALSE && node.as_bool() == Some(false) {
            let problem = Problem::error("`false` is not possible here: at least one is needed");
            reader.problem(problem.at(reader.place(node)));
            return None;
        }
        if node.as_list().is_some_and(<[_]>::is_empty) {
            reader
                .problem(Problem::error("this list is empty: at least one is needed").at(reader.place(node)));
            return None;
        }
        Vec::read(node, reader).filter(|items| !items.is_empty()).map(Self)
    }
}

/// A value and where it is written, for problems that show later. Two are equal if the values are.
#[derive(Debug, Clone)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it is written.
    pub span: Span,
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Read> Read for Spanned<T> {
    const TAKES_FALSE: bool = T::TAKES_FALSE;

    fn shape() -> Shape {
        T::shape()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let span = reader.place(node);
        T::read(node, reader).map(|value| Self { value, span })
    }

    fn absent() -> Option<Self> {
        T::absent().map(|value| Self { value, span: Span::NONE })
    }

    fn is_nothing(&self) -> bool {
        self.value.is_nothing()
    }
}

/// For types that contain themselves.
impl<T: Read> Read for Box<T> {
    const TAKES_FALSE: bool = T::TAKES_FALSE;

    fn shape() -> Shape {
        T::shape()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        T::read(node, reader).map(Self::new)
    }

    fn absent() -> Option<Self> {
        T::absent().map(Self::new)
    }

    fn is_nothing(&self) -> bool {
        (**self).is_nothing()
    }
}
