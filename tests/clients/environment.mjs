// The environment variables that script/test sets.

/** Returns a variable of the environment, which must be set. */
export function variable(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run script/test, which sets it`);
  return value;
}
