/** The budget that the images of one run share, of which most is charged in the addon. */
import { InternalError } from '../errors.js';
import { type Budget, filledLimits, type Limits } from '../limits.js';
import { addon } from './addon.js';
import type { NativeBudget } from './addon-types.js';
import { unwrap } from './outcome.js';

class RunBudget implements Budget {
  readonly limits: Limits;
  #native: NativeBudget | undefined;

  constructor(limits: Limits) {
    this.limits = limits;
  }

  /** The addon is loaded by the first run that reads an image. */
  get native(): NativeBudget {
    this.#native ??= addon().openBudget(this.limits);
    return this.#native;
  }

  chargeMetadata(bytes: number): void {
    unwrap(this.native.metadata(bytes));
  }
}

interface Spender {
  readonly limits?: Partial<Limits> | undefined;
  readonly budget?: Budget | undefined;
}

/** Makes the budget of a run. */
export function openBudget(limits?: Partial<Limits>): Budget {
  return new RunBudget(filledLimits(limits));
}

/** The budget that a call was given, or else one of its own. */
function budgetOf({ budget, limits }: Spender): Budget {
  return budget ?? openBudget(limits);
}

/** A call whose parts share one budget. */
export function withBudget<T extends Spender>(call: T): T & { readonly budget: Budget } {
  return { ...call, budget: budgetOf(call) };
}

/** The addon's side of a budget. */
export function nativeBudget(spender: Spender): NativeBudget {
  const budget = budgetOf(spender);
  if (!(budget instanceof RunBudget)) throw new InternalError('this budget was not made by openBudget');
  return budget.native;
}
