//! Results cross as values, `{ ok }` or `{ error: { code, message, path?, offset?, hint? } }`, and through promises that the
//! threads of this addon settle. A deferred that is dropped unsettled would keep Node alive for ever, so none is ever
//! dropped unsettled.

use napi::bindgen_prelude::{Buffer, Env, JsObjectValue as _, Object, ToNapiValue};
use napi::{JsDeferred, sys};
use nydus_core::Reply;
use nydus_core::{Error, Result};

/// A result that becomes a JavaScript object.
pub struct Outcome<T>(pub Result<T>);

impl<T: ToNapiValue> ToNapiValue for Outcome<T> {
    unsafe fn to_napi_value(env: sys::napi_env, outcome: Self) -> napi::Result<sys::napi_value> {
        let scope = Env::from_raw(env);
        let mut object = Object::new(&scope)?;
        match outcome.0 {
            Ok(value) => object.set_named_property("ok", value)?,
            Err(error) => {
                let mut fields = Object::new(&scope)?;
                fields.set_named_property("code", error.code())?;
                fields.set_named_property("message", error.to_string())?;
                if let Some(path) = error.path() {
                    fields.set_named_property("path", Buffer::from(path))?;
                }
                if let Some(offset) = error.offset().and_then(|offset| i64::try_from(offset).ok()) {
                    fields.set_named_property("offset", offset)?;
                }
                if let Some(hint) = error.hint() {
                    fields.set_named_property("hint", hint)?;
                }
                if let Some(limit) = error.limit() {
                    fields.set_named_property("limit", limit)?;
                }
                object.set_named_property("error", fields)?;
            }
        }
        // SAFETY: `env` is the environment that this function was called with, and the object was made in it.
        unsafe { Object::to_napi_value(env, object) }
    }
}

type Resolver<T> = Box<dyn FnOnce(Env) -> napi::Result<Outcome<T>> + Send>;

/// Settles its promise exactly once, at the latest when it is dropped.
struct Settler<T: ToNapiValue + Send + 'static>(Option<JsDeferred<Outcome<T>, Resolver<T>>>);

impl<T: ToNapiValue + Send + 'static> Settler<T> {
    fn settle(&mut self, result: Result<T>) {
        if let Some(deferred) = self.0.take() {
            deferred.resolve(Box::new(move |_| Ok(Outcome(result))));
        }
    }
}

impl<T: ToNapiValue + Send + 'static> Drop for Settler<T> {
    fn drop(&mut self) {
        self.settle(Err(Error::internal("the addon dropped a promise")));
    }
}

/// Makes a promise of an outcome, and the call that settles it from any thread.
pub fn promise<T: ToNapiValue + Send + 'static>(env: &Env) -> napi::Result<(Reply<T>, Object<'_>)> {
    let (deferred, promise) = env.create_deferred::<Outcome<T>, Resolver<T>>()?;
    let mut settler = Settler(Some(deferred));
    Ok((Box::new(move |result| settler.settle(result)), promise))
}
