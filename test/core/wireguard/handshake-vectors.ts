/** The shape of test/vectors/handshake.json, as far as it is used. Byte strings are hex. */
export interface Step {
  step: string;
  ck: string;
  h: string;
  key?: string;
  tau?: string;
}

export interface HandshakeCase {
  name: string;
  input: {
    initiator_static_private: string;
    responder_static_private: string;
    initiator_ephemeral_private: string;
    responder_ephemeral_private: string;
    preshared_key: string;
    initiator_sender_index: number;
    responder_sender_index: number;
    timestamp_unix: [number, number];
    timestamp_tai64n: string;
    mtu: number;
  };
  public: { initiator_static: string; responder_static: string };
  dh: { es: string; ss: string; se: string };
  mac_keys: Record<string, string>;
  initiation: { steps: Step[]; message: string; ck_after: string; h_after: string };
  response: { steps: Step[]; message: string; ck_after: string; h_after: string };
  transport: {
    key_initiator_to_responder: string;
    key_responder_to_initiator: string;
    messages: {
      what: string;
      direction: 'i2r' | 'r2i';
      counter: string;
      receiver: number;
      packet: string;
      plaintext_padded_len: number;
      message: string;
    }[];
  };
}

export interface CookieCase {
  name: string;
  based_on_case: string;
  input: {
    cookie_secret: string;
    source_ip: string;
    source_port: number;
    cookie_mac_input: string;
    retry_ephemeral_private: string;
    retry_sender_index: number;
    retry_timestamp_tai64n: string;
    nonce: string;
  };
  cookie: string;
  cookie_reply: string;
  retry_initiation: string;
  retry_mac1: string;
  retry_mac2: string;
  cookie_reply_to_response: { message: string };
}

export interface HandshakeVectors {
  cases: HandshakeCase[];
  cookie_cases: CookieCase[];
}
