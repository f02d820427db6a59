// What script/test says about the running system.

/** A variable of the environment; without it nothing can be tested. */
export function variable(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run script/test, which starts a system and says where it is`);
  return value;
}
