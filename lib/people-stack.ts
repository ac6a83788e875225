/**
 * A user pool for the people of the console. The API does not depend on it: it takes tokens of any OIDC issuer that
 * was registered for a tenant, and this is one of them.
 *
 * Nobody signs up by themselves: an administrator of the platform makes each user and says, once and for ever, which
 * tenant it belongs to (`custom:tenant`). No app client may write that, nor the address.
 */
import { Aws, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import {
  AccountRecovery,
  CfnManagedLoginBranding,
  ClientAttributes,
  FeaturePlan,
  ManagedLoginVersion,
  Mfa,
  OAuthScope,
  StandardThreatProtectionMode,
  StringAttribute,
  UserPool,
} from 'aws-cdk-lib/aws-cognito';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import type { Settings } from './settings.ts';

/** A UUID, as text. */
const tenantChars = 36;

export class PeopleStack extends Stack {
  readonly pool: UserPool;

  constructor(scope: Construct, id: string, settings: Settings, props: StackProps) {
    super(scope, id, props);
    const { people, stage, removal } = settings;
    this.pool = new UserPool(this, 'Pool', {
      userPoolName: `trailkeep-${stage}`,
      selfSignUpEnabled: false,
      signInAliases: { email: true },
      signInCaseSensitive: false,
      standardAttributes: { email: { required: true, mutable: true }, fullname: { required: false, mutable: true } },
      customAttributes: {
        tenant: new StringAttribute({ minLen: tenantChars, maxLen: tenantChars, mutable: false }),
      },
      passwordPolicy: {
        minLength: 14,
        requireLowercase: true,
        requireUppercase: true,
        requireDigits: true,
        requireSymbols: true,
        tempPasswordValidity: Duration.days(3),
      },
      mfa: people.mfa === 'required' ? Mfa.REQUIRED : Mfa.OPTIONAL,
      // A telephone number is the weakest of factors, and one more thing to keep about a person.
      mfaSecondFactor: { otp: true, sms: false },
      accountRecovery: AccountRecovery.EMAIL_ONLY,
      deviceTracking: { challengeRequiredOnNewDevice: true, deviceOnlyRememberedOnUserPrompt: true },
      featurePlan: people.threatProtection ? FeaturePlan.PLUS : FeaturePlan.ESSENTIALS,
      ...(people.threatProtection ? { standardThreatProtectionMode: StandardThreatProtectionMode.FULL_FUNCTION } : {}),
      deletionProtection: removal === 'retain',
      removalPolicy: removal === 'retain' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    const login = this.pool.addDomain('Login', {
      cognitoDomain: { domainPrefix: `trailkeep-${stage}-${Aws.ACCOUNT_ID}` },
      managedLoginVersion: ManagedLoginVersion.NEWER_MANAGED_LOGIN,
    });
    // A page in a browser keeps no secret: it proves by PKCE that the code was its own.
    const client = this.pool.addClient('Console', {
      generateSecret: false,
      oAuth: {
        flows: { authorizationCodeGrant: true },
        scopes: [OAuthScope.OPENID, OAuthScope.EMAIL, OAuthScope.PROFILE],
        callbackUrls: [...people.consoleUrls],
        logoutUrls: [...people.consoleUrls],
      },
      readAttributes: new ClientAttributes()
        .withStandardAttributes({ email: true, emailVerified: true, fullname: true })
        .withCustomAttributes('tenant'),
      writeAttributes: new ClientAttributes().withStandardAttributes({ fullname: true }),
      preventUserExistenceErrors: true,
      enableTokenRevocation: true,
      idTokenValidity: Duration.minutes(15),
      accessTokenValidity: Duration.minutes(15),
      refreshTokenValidity: Duration.hours(8),
    });
    // Without a style the log-in page of a client answers an error.
    new CfnManagedLoginBranding(this, 'Style', {
      userPoolId: this.pool.userPoolId,
      clientId: client.userPoolClientId,
      useCognitoProvidedValues: true,
    });
    const out = {
      poolIssuer: this.pool.userPoolProviderUrl,
      poolClient: client.userPoolClientId,
      poolLogin: login.baseUrl(),
    };
    for (const [name, stringValue] of Object.entries(out)) {
      new StringParameter(this, `Out-${name}`, { parameterName: `/trailkeep/${stage}/${name}`, stringValue });
    }
  }
}
