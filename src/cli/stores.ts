/** Stores that are opened one after the other and closed together. */
export class OpenStores implements AsyncDisposable {
  readonly #stores: AsyncDisposable[] = [];

  add<S extends AsyncDisposable>(store: S): S {
    this.#stores.push(store);
    return store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#stores.splice(0)) await store[Symbol.asyncDispose]();
  }
}
