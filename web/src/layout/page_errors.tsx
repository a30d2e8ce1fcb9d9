/** Shows a sentence in place of a page that fails, until another one is opened. The frame of the page stays. */
import { Component, type ReactNode } from "react";
import { PageBroken } from "./error_page";

interface Props {
  /** The address of the page. */
  place: string;
  children: ReactNode;
}

interface State {
  place: string;
  isBroken: boolean;
}

export class PageErrors extends Component<Props, State> {
  override state: State = { place: this.props.place, isBroken: false };

  static getDerivedStateFromError(): Partial<State> {
    return { isBroken: true };
  }

  static getDerivedStateFromProps({ place }: Props, state: State): State | null {
    return place === state.place ? null : { place, isBroken: false };
  }

  override render(): ReactNode {
    return this.state.isBroken ? <PageBroken /> : this.props.children;
  }
}
