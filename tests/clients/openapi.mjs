// Compares an HTTP exchange with an OpenAPI 3.0 description: does it have the described shape, and is every member in it
// one that the description knows? The second catches what the first cannot: a misspelt optional member.

import Ajv from 'ajv';

/** A description of an API, ready to check exchanges of its operations. */
export class Description {
  #document;
  #ajv = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false, validateFormats: false, logger: false });
  #operations = new Map();

  constructor(document) {
    this.#document = document;
    this.#ajv.addSchema(document, 'api');
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (operation.operationId) this.#operations.set(operation.operationId, { path, method, operation });
      }
    }
  }

  /** Whether the description has an operation of this name. */
  has(name) {
    return this.#operations.has(name);
  }

  /** What is wrong with `{operation, method, path, requestBody, status, responseBody}`: a list of sentences. */
  findings(exchange) {
    const { path, method, operation } = this.#operations.get(exchange.operation);
    const findings = [];
    const template = new RegExp(`^${path.replace(/\{[^}]+\}/g, '[^/]+')}$`);
    if (method !== exchange.method.toLowerCase() || !template.test(exchange.path)) {
      findings.push(`${exchange.method} ${exchange.path} is not ${method.toUpperCase()} ${path}`);
    }
    // A refused request may be a wrong one; only what was accepted has to be right.
    const request = operation.requestBody?.content?.['application/json']?.schema;
    if (exchange.status < 300 && request && exchange.requestBody !== null) {
      findings.push(...this.#compare(request, exchange.requestBody, 'request'));
    }
    const response = this.#response(operation, exchange.status)?.content?.['application/json']?.schema;
    if (response) findings.push(...this.#compare(response, exchange.responseBody, 'response'));
    else if (exchange.responseBody !== null) findings.push(`response: a ${exchange.status} has no body`);
    return findings;
  }

  // A repeat under the same request id is answered 200 where the description only speaks of the first answer, 201.
  #response({ responses }, status) {
    const repeated = status === 200 ? responses['201'] : undefined;
    return this.#resolved(responses[status] ?? repeated ?? responses.default);
  }

  #compare(schema, value, what) {
    const validate = this.#ajv.compile(absolute(schema));
    const findings = validate(value)
      ? []
      : validate.errors.map((error) => `${what}${error.instancePath}: ${error.message} (${JSON.stringify(error.params)})`);
    return [...findings, ...this.#unknown([schema], value, what)];
  }

  /** Members of `value` that none of `schemas` knows. */
  #unknown(schemas, value, at) {
    const parts = schemas.flatMap((schema) => this.#parts(schema));
    if (Array.isArray(value)) {
      const items = parts.flatMap((part) => part.items ?? []);
      return value.flatMap((item, index) => this.#unknown(items, item, `${at}/${index}`));
    }
    if (value === null || typeof value !== 'object' || !parts.some((part) => part.properties)) return [];
    return Object.entries(value).flatMap(([name, member]) => {
      const known = parts.flatMap((part) => part.properties?.[name] ?? []);
      return known.length === 0 ? [`${at}/${name} is not in the description`] : this.#unknown(known, member, `${at}/${name}`);
    });
  }

  /** A schema and all that it is made of. */
  #parts(schema) {
    const resolved = this.#resolved(schema);
    const inner = [...(resolved.allOf ?? []), ...(resolved.anyOf ?? []), ...(resolved.oneOf ?? [])];
    return [resolved, ...inner.flatMap((part) => this.#parts(part))];
  }

  #resolved(node) {
    if (!node?.$ref) return node;
    const steps = node.$ref.replace('#/', '').split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
    return this.#resolved(steps.reduce((found, step) => found[step], this.#document));
  }
}

/** The same schema, its references leading into the whole document. */
function absolute(schema) {
  return JSON.parse(JSON.stringify(schema), (name, value) => (name === '$ref' ? `api${value}` : value));
}
