// Who is signed in: the button in the top bar, the dialog behind it, and preferences that follow the viewer.
// Signed out, the browser alone remembers; nothing is asked of the server.
import { $, h, text } from "../dom.js";
import { clock } from "../format.js";
import { recall, remember } from "../remember.js";

const PREFERENCES = ["player", "theme", "board"];

/** @param actions restore(preferences): show them; reconnect(): a connection belongs to the session it began with */
export function accountView(api, actions, say) {
  const dialog = $("account"), form = $("sign-in");
  let me = null, restoring = false;

  function show(session) {
    me = session;
    remember("session", me ? me.name : null); // a hint, so that visitors ask nothing
    text($("account-word"), me?.name ?? "Sign in");
    $("account-open").toggleAttribute("data-in", !!me);
    text($("account-title"), me ? `Signed in as ${me.name}${me.operator ? ", operator" : ""}` : "Sign in");
    form.hidden = !!me;
    $("signed-in").hidden = !me;
    text($("account-problem"), "");
  }

  /** Do it; a refusal is shown in the dialog, and a session that is over is seen as over. */
  async function attempt(what) {
    text($("account-problem"), "");
    try {
      await what();
    } catch (error) {
      if (error.problem?.code === "signed-out") ended("You are signed out.");
      text($("account-problem"), error.problem ? error.message : "The server does not answer. Try again shortly.");
    }
  }

  async function list() {
    const sessions = await api.sessions();
    $("sessions").replaceChildren(...sessions.map((one) => h("li", {},
      h("div", {},
        h("b", { dir: "auto" }, one.name === me.name ? one.agent : `${one.name}: ${one.agent}`),
        h("span", {}, `${one.address}, last seen ${clock(Date.parse(one.last_seen))}`)),
      one.current ? h("i", {}, "This one")
        : h("button", { type: "button", className: "plain", ariaLabel: `Revoke ${one.agent}`, onclick: () => attempt(() => revoke(one.handle)) }, "Revoke"))));
  }

  async function revoke(handle) {
    await api.endSession(handle);
    say("Session revoked");
    await list();
  }

  async function signIn() {
    const local = Object.fromEntries(PREFERENCES.map((key) => [key, recall(key)]).filter(([, value]) => value));
    show(await api.signIn(form.elements.name.value.trim(), form.elements.operator_key.value));
    form.reset();
    dialog.close();
    say(`Signed in as ${me.name}`);
    const kept = Object.fromEntries(Object.entries(me.preferences).filter(([, value]) => value));
    const fresh = Object.fromEntries(Object.entries(local).filter(([key]) => !kept[key]));
    restoring = true;
    actions.restore(kept);
    restoring = false;
    actions.reconnect();
    if (Object.keys(fresh).length) await api.prefer(fresh);
  }

  /** The session is over. */
  function ended(words) {
    show(null);
    say(words);
  }

  function open() {
    text($("account-problem"), "");
    dialog.showModal();
    if (me) attempt(list);
    else form.elements.name.focus();
  }

  $("account-open").addEventListener("click", open);
  form.addEventListener("submit", (event) => { event.preventDefault(); attempt(signIn); });
  for (const [id, call] of [["sign-out", () => api.signOut()], ["sign-out-all", () => api.endSessions()]])
    $(id).addEventListener("click", () => attempt(async () => { await call(); dialog.close(); ended("Signed out"); actions.reconnect(); }));
  addEventListener("remember", ({ detail: { key, value } }) => {
    if (me && !restoring && PREFERENCES.includes(key)) api.prefer({ [key]: value ?? null }).catch(() => {}); // the browser remembers it too
  });

  show(null === recall("session") ? null : { name: recall("session"), operator: false, preferences: {} });
  if (me) api.session().then(show, (error) => { if (error.problem?.code === "signed-out") show(null); });
  return { ended, open };
}
