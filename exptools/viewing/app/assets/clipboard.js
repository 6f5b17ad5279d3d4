// Without https, or where it is forbidden, a script may not write to the clipboard; then it copies as
// somebody would who selects a text.
(() => {
  const given = navigator.clipboard;
  const write = given?.writeText.bind(given);

  const copySelected = (text) => {
    const focused = document.activeElement;
    const field = document.createElement("textarea");
    field.value = text;
    field.readOnly = true;
    field.style.position = "fixed";
    field.style.opacity = "0";
    // What keeps the focus to itself is a dialog.
    (focused?.closest("[role=dialog]") || document.body).append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    focused?.focus();
    if (!copied) {
      throw new Error("the browser allows no copy: select the text yourself");
    }
  };

  const writeText = async (text) => {
    try {
      await (write ? write(text) : Promise.reject(new Error("no clipboard")));
    } catch {
      copySelected(text);
    }
  };

  if (given) {
    given.writeText = writeText;
  } else {
    Object.defineProperty(navigator, "clipboard", { value: { writeText } });
  }
})();
