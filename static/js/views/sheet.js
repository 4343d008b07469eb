// One tool whole, in a dialog at the right: its tables, what can be done with it, and a line to try it with.
import { $, h, soon, text } from "../dom.js";
import { clock } from "../format.js";
import { spark } from "../sparkline.js";

const PACE_MS = 1000;
const LETTERS = 20;
const RETRIED_MS = 5000; // a letter that is put back may be dead again before a beat has told that it was not
const SENT = "What the server says: ";

function cell(what) {
  const { text: words, note, tone = "", isolate } = typeof what === "object" ? what : { text: what };
  return [h("span", { className: tone, dir: isolate ? "auto" : "" }, words), note && h("small", {}, note)];
}

function section({ title, head, rows, none, wrap }) {
  if (!rows.length) return h("div", {}, h("h3", {}, title), h("p", {}, none));
  return h("div", {}, h("h3", {}, title), h("table", { className: wrap ? "num wrap" : "num" },
    h("thead", {}, h("tr", {}, head.map((name) => (name ? h("th", { scope: "col" }, name) : h("td", {}))))),
    h("tbody", {}, rows.map(([name, ...rest]) => h("tr", {}, h("th", { scope: "row" }, cell(name)), rest.map((what) => h("td", {}, cell(what))))))));
}

/** @param actions account(): opens the dialog of one's own sessions */
export function sheetView(toolbox, api, actions, say) {
  const dialog = $("sheet"), line = spark();
  let entry = null, wordOf = null, shown = [], asked = null, letters = null, restless_ms = 0;
  $("sheet-line").append(line.svg);

  /** Do it; a refusal's words are shown. */
  async function attempt(what) {
    text($("sheet-problem"), "");
    try {
      await what();
    } catch (error) {
      text($("sheet-problem"), error.problem ? SENT + error.message : "The server does not answer. Try again shortly.");
    }
  }

  function letter({ stream, id, at, error, fields, deliveries }) {
    const retry = () => attempt(async () => {
      await api.retry(stream, id);
      say("Put back");
      restless_ms = Date.now() + RETRIED_MS;
      $("sheet-close").focus();
      await ask();
    });
    return h("li", {},
      h("div", {}, h("b", { className: "bad" }, error), h("code", {}, JSON.stringify(fields)),
        h("small", { className: "num" }, `${stream}, ${clock(Date.parse(at))}, delivered ${deliveries} time${deliveries === 1 ? "" : "s"}`)),
      h("button", { type: "button", className: "plain edged", ariaLabel: `Retry ${id}`, onclick: retry }, "Retry"));
  }

  /** The dead letters as they are now. */
  async function ask() {
    const of = entry, lists = await Promise.all(of.tool.dead(of.state).map(async ({ stream }) =>
      (await api.deadLetters(stream, LETTERS)).map((one) => ({ stream, ...one }))));
    if (entry !== of || JSON.stringify(lists) === letters) return;
    letters = JSON.stringify(lists);
    const items = lists.flat().map(letter);
    $("sheet-letters").replaceChildren(h("h3", {}, "Dead letters"), items.length ? h("ul", { className: "letters", role: "list" }, items) : h("p", {}, "None."));
  }

  const ACTIONS = {
    sessions: () => h("button", { type: "button", className: "act", ariaHasPopup: "dialog", onclick: () => { dialog.close(); actions.account(); } }, "Your sessions"),
    orders() {
      const field = h("input", { name: "message", required: true, maxLength: 1000, autocomplete: "off", placeholder: "Order #5001 created" });
      const form = h("form", { className: "publish" }, h("label", {}, h("span", { className: "sr" }, "Message to publish"), field), h("button", { className: "act" }, "Publish"));
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        attempt(async () => {
          await api.publish("orders", field.value);
          field.value = "";
        });
      });
      return form;
    },
  };

  function draw() {
    if (!entry || !dialog.open || document.hidden) return;
    const { tool, state } = entry, now_ms = Date.now(), { text: words, tone = "" } = wordOf(entry, now_ms);
    text($("sheet-word"), tone ? `▲ ${words}` : words);
    $("sheet-word").className = `state ${tone}`;
    $("sheet-figure").replaceChildren(state ? tool.figure(state) : "–", h("small", {}, tool.unit));
    line.draw(entry.line, now_ms);
    const tables = state ? tool.tables(state) : [], box = $("sheet-tables");
    tables.forEach((table, i) => {
      const key = JSON.stringify(table);
      if (key === shown[i]) return;
      shown[i] = key;
      box.children[i] ? box.children[i].replaceWith(section(table)) : box.append(section(table));
    });
    const dead = state && tool.dead && JSON.stringify(tool.dead(state));
    if (dead && (dead !== asked || now_ms < restless_ms)) {
      asked = dead;
      attempt(ask);
    }
  }

  function open(one, word) {
    [entry, wordOf, shown, asked, letters, restless_ms] = [one, word, [], null, null, 0];
    const { tool } = entry;
    text($("sheet-name"), tool.name);
    text($("sheet-problem"), "");
    text($("sheet-trial"), typeof tool.trial === "function" ? tool.trial(location.origin) : tool.trial);
    $("sheet-tables").replaceChildren();
    $("sheet-letters").replaceChildren();
    $("sheet-actions").replaceChildren(...(ACTIONS[tool.id] ? [ACTIONS[tool.id]()] : []));
    dialog.showModal();
    draw();
  }

  dialog.addEventListener("click", (event) => { if (event.target === dialog && event.offsetX < 0) dialog.close(); });
  dialog.addEventListener("close", () => { entry = null; });
  toolbox.addEventListener("change", soon(draw, PACE_MS));
  return { open };
}
