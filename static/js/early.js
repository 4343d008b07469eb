// A classic script, run before the first paint: the theme the viewer chose, so that the page does not flash.
try {
  const theme = localStorage.getItem("scorecast:theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch { /* no storage: the system's theme */ }
