/** Light or dark: as the system has it, until the reader chooses. */

const CHOICE = "hunet.theme";

export function useTheme() {
  apply(localStorage.getItem(CHOICE));
}

export function switchTheme() {
  const isLight = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "light"
    : matchMedia("(prefers-color-scheme: light)").matches;
  const theme = isLight ? "dark" : "light";
  localStorage.setItem(CHOICE, theme);
  apply(theme);
}

function apply(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
}
