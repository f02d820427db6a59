// Compares an HTTP exchange with the table of what PayPal's requests and responses must have.

/** Checks exchanges of the operations in one table of facts. */
export class Facts {
  #facts;

  constructor(facts) {
    this.#facts = facts;
  }

  /** The operations of the table, by name. */
  get operations() {
    return this.#facts.operations;
  }

  /**
   * Lists the differences between the table and an exchange, one sentence each.
   * An exchange is `{operation, method, path, requestHeaders, requestBody, status, responseBody}`.
   */
  findings(exchange) {
    const operation = this.#facts.operations[exchange.operation];
    if (!operation) return [`${exchange.operation} is not in the table`];
    return [...this.#requestFindings(operation, exchange), ...this.responseFindings(exchange)];
  }

  /** The differences of the request alone. A refused request may be invalid on purpose. */
  #requestFindings(operation, { method, path, requestBody, status }) {
    const findings = [];
    const template = new RegExp(`^${operation.path.replace('{id}', '[A-Za-z0-9-]+')}$`);
    if (method !== operation.method || !template.test(path)) {
      findings.push(`${method} ${path} is not ${operation.method} ${operation.path}`);
    }
    if (status < 300 && requestBody !== null && operation.request) {
      findings.push(...this.#compare(operation.request, requestBody, 'request'));
    }
    if (!operation.request && requestBody !== null) findings.push('request: a read has no body');
    return findings;
  }

  /** The differences of the response alone. */
  responseFindings({ operation: name, status, responseBody }) {
    const operation = this.#facts.operations[name];
    if (status >= 400) return this.#errorFindings(operation, status, responseBody);
    if (!(status in operation.answers)) return [`response: ${name} has no ${status}`];
    const resource = operation.answers[status];
    if (resource === null) return responseBody === null ? [] : [`response: a ${status} has no body`];
    return this.#compare(resource, responseBody, 'response');
  }

  #errorFindings(operation, status, body) {
    const { errors } = this.#facts;
    if (body === null || typeof body !== 'object' || Array.isArray(body)) return ['response: an error is an object'];
    if (status === 401 && errors.oauth.includes(body.error)) return [];
    const findings = members(errors.members, body, 'response');
    if (errors.names[status] !== body.name) findings.push(`response/name: ${body.name} is not the name of ${status}`);
    for (const detail of body.details ?? []) {
      findings.push(...members(errors.detailMembers, detail, 'response/details'));
      if (!operation.issues[status]?.includes(detail.issue)) findings.push(`response/details: ${detail.issue} is no issue of ${status}`);
    }
    return findings;
  }

  #compare(name, value, place) {
    const resource = this.#facts.resources[name];
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return [`${place}: ${name} is an object`];
    const findings = members(resource.members, value, place);
    for (const [path, allowed] of Object.entries(resource.values ?? {})) {
      const found = at(value, path);
      if (found !== undefined && !allowed.includes(found)) findings.push(`${place}/${path}: ${found} is not one of ${allowed}`);
    }
    for (const [member, pattern] of Object.entries(resource.patterns ?? {})) {
      const found = value[member];
      const matches = typeof found === 'string' && new RegExp(pattern).test(found);
      if (found !== undefined && !matches) findings.push(`${place}/${member}: ${JSON.stringify(found)} is not ${pattern}`);
    }
    for (const [member, length] of Object.entries(resource.lengths ?? {})) {
      const found = value[member];
      const fits = typeof found === 'string' && found.length >= 1 && [...found].length <= length;
      if (found !== undefined && !fits) findings.push(`${place}/${member}: it must have 1 to ${length} characters`);
    }
    for (const rel of resource.links ?? []) {
      const isMissing = value.links !== undefined && !value.links.some((link) => link.rel === rel);
      if (isMissing) findings.push(`${place}/links: none is ${rel}`);
    }
    for (const [member, part] of Object.entries(resource.parts ?? {})) {
      if (value[member] !== undefined) findings.push(...this.#compare(part, value[member], `${place}/${member}`));
    }
    for (const [member, part] of Object.entries(resource.items ?? {})) {
      if (value[member] === undefined) continue;
      if (!Array.isArray(value[member])) findings.push(`${place}/${member}: it is a list`);
      else findings.push(...value[member].flatMap((item) => this.#compare(part, item, `${place}/${member}`)));
    }
    return findings;
  }
}

/** The missing and the unknown members. A name with `!` is required. */
function members(known, value, place) {
  const names = known.map((name) => name.replace('!', ''));
  const missing = known
    .filter((name) => name.endsWith('!') && value[name.slice(0, -1)] === undefined)
    .map((name) => `${place}/${name.slice(0, -1)} is missing`);
  const unknown = Object.keys(value)
    .filter((name) => !names.includes(name))
    .map((name) => `${place}/${name} is not in the table`);
  return [...missing, ...unknown];
}

function at(value, path) {
  return path.split('/').reduce((inner, step) => inner?.[step], value);
}
