// The public HTTP interface, as far as the page reads it. Every call is one round trip; a refusal is thrown as Problem.
export class Problem extends Error {
  /** @param problem an RFC 9457 problem document */
  constructor(problem) {
    super(problem.detail ?? problem.title);
    this.problem = problem;
  }
}

const part = encodeURIComponent;
const DOTS = /^\.{1,2}$/; // as a part of an address these mean something else, however they are written

export class Api {
  #base;
  constructor(origin) { this.#base = `${origin}/api/v1`; }

  async #call(path, options = {}) {
    const answer = await fetch(this.#base + path, { signal: AbortSignal.timeout(10e3), ...options });
    const body = await answer.json().catch(() => ({ title: answer.statusText, status: answer.status }));
    if (!answer.ok) throw new Problem(body);
    return body;
  }

  /** [{ board, players, periods, rule, order, title?, ... }] */
  async boards() { return (await this.#call("/boards")).boards; }

  /** { rows: [{ rank, player, score }], players, version } */
  top(board, period, limit) { return this.#call(`/boards/${part(board)}/top?period=${part(period)}&limit=${limit}`); }

  /** The periods of a kind, oldest first, with the moments that are known of each: [{ period_id, from, to, moments }] */
  async moments(board, period) { return (await this.#call(`/boards/${part(board)}/moments?period=${part(period)}`)).periods; }

  /** A stop of the past as top(): its final standings, or the first ten as they stood. */
  stood(board, period, { at_ms, final }) { return this.#call(`/boards/${part(board)}/top?period=${part(period)}&${final ? "at" : "as_of"}=${at_ms}`); }

  /** What happened in [from_ms, to_ms): [{ at, scores, rows }] */
  async history(board, period, from_ms, to_ms, step_s) {
    return (await this.#call(`/boards/${part(board)}/history?period=${part(period)}&from=${from_ms}&to=${to_ms}&step=${step_s}`)).points;
  }

  /** The rows around a player, as top(); 404 when the player has no score. */
  async around(board, period, player, radius) {
    if (DOTS.test(player)) return { rows: [await this.find(board, period, player)].filter(Boolean) };
    return this.#call(`/boards/${part(board)}/players/${part(player)}/around?period=${part(period)}&radius=${radius}`);
  }

  /** The row of one player or null; asked as a list of one, because "not there" is an ordinary answer. */
  async find(board, period, player) {
    const answer = await this.#call(`/boards/${part(board)}/standings?period=${part(period)}`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ players: [player] }),
    });
    return answer.rows[0] ?? null;
  }

  #send(method, path, body) { return this.#call(path, { method, headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body) }); }

  /** { name, operator, handle, preferences: { player, theme, board } }; 401 when nobody is signed in. */
  session() { return this.#call("/session"); }
  signIn(name, operator_key) { return this.#send("POST", "/session", { name, ...(operator_key && { operator_key }) }); }
  signOut() { return this.#send("DELETE", "/session"); }
  prefer(change) { return this.#send("PATCH", "/session", change); }

  /** [{ id, at, entry, group, deliveries, error, fields }], newest first. */
  async deadLetters(stream, limit) { return (await this.#call(`/streams/${part(stream)}?limit=${limit}`)).dead_letters; }
  retry(stream, id) { return this.#send("POST", `/streams/${part(stream)}/dead/${part(id)}/retry`); }

  /** { receivers }: the servers that heard it. */
  publish(channel, message) { return this.#send("POST", `/channels/${part(channel)}`, { message }); }

  /** [{ handle, name, operator, since, last_seen, address, agent, current }] */
  async sessions() { return (await this.#call("/sessions")).sessions; }
  endSession(handle) { return this.#send("DELETE", `/sessions/${part(handle)}`); }
  endSessions() { return this.#send("DELETE", "/sessions"); }
}
