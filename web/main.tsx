import './trusted-types.ts';
import { render } from 'preact';
import { App } from './app.tsx';
import { ConsoleModel } from './model.ts';
import { loadSettings } from './settings.ts';
import { applyTheme } from './theme.ts';

applyTheme();
const model = new ConsoleModel();
render(<App model={model} />, document.getElementById('console')!);
void loadSettings().then((settings) => {
  model.applySettings(settings);
  model.keepPage();
  return model.restore();
});
